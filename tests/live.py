"""The real site: gunicorn on a free port, in a copy of the project, with a database of its own.

The copy keeps the tests away from the instance folder and the `.env` of whoever runs them, and lets several
sites run at once: secret, static files and mail are each site's own.
"""

import contextlib
import http.cookiejar
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from talks.databases import open_database

ROOT = Path(__file__).resolve().parent.parent
PROJECT = (
    "admin.py", "app.py", "forms.py", "gunicorn.conf.py", "main.py", "models.py", "schema_evolve.py", "talks"
)  # fmt: skip
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
STAMP = re.compile(r'name="stamp"[^>]*value="([^"]+)"')
PASSWORD = "correct horse battery"
PATIENCE_SECONDS = 60  # for what ought to take one or two, on a machine that does a lot else
STOP_SECONDS = 5


def free_port():
    """A port nobody listens on, below those that the system gives to clients."""
    while True:
        port = random.randint(10_000, 32_000)
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port


def clean_environment(**settings):
    """Nothing of whoever runs the tests but where programs and packages are; then `settings`."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR", "LANG") if key in os.environ}
    kept |= {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
    return kept | {key: str(value) for key, value in settings.items()}


def dying_with_us(command):
    """`command`, ended by the system when the tests are killed: then no fixture can end it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", *command] if setpriv else command


def wait_for(claim, what, process=None, patience_seconds=PATIENCE_SECONDS):
    """Return what `claim` gives as soon as that is true. Fails when `process` ends, or patience does."""
    deadline = time.monotonic() + patience_seconds
    while not (found := claim()):
        if process is not None and process.poll() is not None:
            raise AssertionError(f"ended with {process.returncode}, waiting for {what}")
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_seconds} s in vain for {what}")
        time.sleep(0.05)
    return found


class Answer:
    """Status, headers and body; `url` is where redirects led to."""

    def __init__(self, response):
        self.status, self.headers, self.url = response.status, response.headers, response.url
        self.body = response.read()
        self.text = self.body.decode("utf-8", "replace")


class Visitor:
    """A person with cookies and no browser: asks over a real socket, and sends the forms of pages."""

    def __init__(self, address):
        self.address = address
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )

    def get(self, path, data=None, **headers):
        """An Answer, whatever its status. Underscores in the names of `headers` are hyphens."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, data, headers)
        try:
            with self.opener.open(request, timeout=PATIENCE_SECONDS) as response:
                return Answer(response)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error)

    def submit(self, path, page=None, **values):
        """POST the form that stands on `page` (default: at the same path)."""
        token = TOKEN.search(self.get(page or path).text)
        values |= {"csrf_token": token[1]} if token else {}
        return self.get(path, urllib.parse.urlencode(values).encode())

    def sign_in(self, email, password=PASSWORD):
        return self.submit("/auth/login", email=email, password=password)

    def ask(self, path, body, **values):
        """Write under the talk at `path`. The Answer after its redirect: the comment's page or place."""
        found = self.get(path).text
        for name, pattern in (("csrf_token", TOKEN), ("stamp", STAMP)):
            if hidden := pattern.search(found.partition("ask-form")[2]):
                values.setdefault(name, hidden[1])
        return self.get(path, urllib.parse.urlencode(values | {"body": body}).encode())

    def publish(self, **values):
        """The path of a new talk."""
        answer = self.submit("/new", **({"status": "published"} | values))
        path = urllib.parse.urlsplit(answer.url).path
        assert path.startswith("/talk/"), answer.text
        return path


class Site:
    """One site in `folder`; `settings` are those of the environment. `start` it, `stop` it."""

    def __init__(self, folder, **settings):
        self.folder = Path(folder)
        self.house = self.folder / "house"
        self.instance = self.house / "instance"
        self.output, self.errors = self.folder / "output", self.folder / "errors"
        self.process = None
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.settings = {"DATABASE_URL": f"sqlite:///{self.folder}/talks.db", "PORT": self.port} | settings
        if not self.house.exists():
            self.copy_project()

    def copy_project(self):
        self.house.mkdir(parents=True)
        for name in PROJECT:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.house / name)

    @property
    def environment(self):
        return clean_environment(**self.settings)

    def launch(self):
        """Begin to start, and do not wait. Returns the process."""
        command = [sys.executable, "-m", "gunicorn"]
        with open(self.output, "ab") as output, open(self.errors, "ab") as errors:
            self.process = subprocess.Popen(
                dying_with_us(command), cwd=self.house, env=self.environment, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
            )  # fmt: skip
        return self.process

    def start(self):
        """Start and wait until it is ready."""
        self.launch()
        try:
            wait_for(self.is_ready, "/-/ready", self.process)
        except BaseException as error:
            self.stop()
            error.add_note(self.errors.read_text())
            raise
        return self

    def is_ready(self):
        try:
            return Visitor(self.address).get("/-/ready").status == 200
        except OSError:
            return False

    def stop(self):
        """Ask it to stop, and see to it that nothing is left. Returns the exit code."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(STOP_SECONDS)
            os.killpg(process.pid, signal.SIGTERM)  # a worker that was only being made has not heard it
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(STOP_SECONDS)
            os.killpg(process.pid, signal.SIGTERM)  # a worker that was only being made has not heard it
            return process.wait(PATIENCE_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the workers too: they are of its group
            process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *error):
        self.stop()

    def workers(self):
        """Ids of the worker processes."""
        of = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in of.read_text().split()]

    def said(self):
        """What it wrote to standard output and to standard error."""
        return self.output.read_text(), self.errors.read_text()

    def flask(self, *arguments, **settings):
        """Run a command of the site; returns its output."""
        environment = self.environment | settings
        ended = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "main", *arguments],
            cwd=self.house, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def count_talks(self):
        """The number of published talks."""
        database = open_database(self.settings["DATABASE_URL"])
        database.connect()
        try:
            counted = database.execute_sql("SELECT count(*) FROM talk WHERE status = 'published'")
            return counted.fetchone()[0]
        finally:
            database.close_all()

    def add(self, username, *flags):
        """An account for `username`@example.org."""
        self.flask("adduser", f"{username}@example.org", username, *flags, TALKS_PASSWORD=PASSWORD)

    def visitor(self, username=None):
        """Somebody with cookies of their own, signed in as `username`."""
        visitor = Visitor(self.address)
        if username:
            answer = visitor.sign_in(f"{username}@example.org")
            assert "Signed in" in answer.text, answer.text
        return visitor
