"""Install what the tests need beside Python packages, where that is possible without asking anybody.

`make test` calls it. It needs Python only, changes nothing where all is there, and never fails: what is
missing is said by name, and its tests are then skipped, or fail with TALKS_REQUIRE_ALL=1.
"""

import glob
import os
import shutil
import subprocess
import sys

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Debian's package: the programs that will do
NEEDED = {
    "chromium": CHROMIUM,
    "git": ("git",),
    "postgresql": ("postgres",),
    "mariadb-server": ("mariadbd",),
}
# Where servers are that are not on everybody's path.
ELSEWHERE = ("/usr/sbin", "/usr/local/sbin", "/usr/lib/postgresql/[0-9]*/bin")
TIMEOUT_SECONDS = 900


def program(names):
    """The path of the first of `names` that is installed, else None."""
    folders = [folder for pattern in ELSEWHERE for folder in sorted(glob.glob(pattern), reverse=True)]
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *folders])
    return next(filter(None, (shutil.which(name, path=path) for name in names)), None)


def chromium():
    """The path of a Chromium, else None."""
    return program(CHROMIUM)


def apt_get(*arguments):
    """Run apt-get quietly, asking nothing; returns what went wrong, or an empty text."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300", *arguments]
    try:
        ended = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return ended.stdout.strip() if ended.returncode else ""


def install(packages):
    """Try to install; returns why that did not work, or an empty text."""
    if not shutil.which("apt-get"):
        return "there is no apt-get here"
    if os.geteuid() != 0:
        return f"only root may: apt-get install {' '.join(packages)}"
    print(f"Installing for the tests: {', '.join(packages)}", flush=True)
    trouble = apt_get("install", "-y", "--no-install-recommends", *packages)
    if trouble:  # the lists may be older than the packages
        trouble = apt_get("update") or apt_get("install", "-y", "--no-install-recommends", *packages)
    return trouble.splitlines()[-1] if trouble else ""


def main():
    lacking = [package for package, names in NEEDED.items() if not program(names)]
    if lacking:
        reason = install(lacking)
        for package in lacking:
            if not program(NEEDED[package]):
                print(f"Not installed: {package} ({reason or 'nobody knows why'})", file=sys.stderr)


if __name__ == "__main__":
    main()
