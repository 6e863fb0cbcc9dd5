"""One command on a fresh machine: the project as it is cloned, with nothing installed and nothing set."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from types import SimpleNamespace

import conftest
import live
import pytest

pytestmark = pytest.mark.server

SIGN_IN = re.compile(r"^(member|speaker|administrator) +(\S+@\S+) +(\S+)$", re.MULTILINE)
INSTALLING_SECONDS = 900


class Demo:
    """`make demo` in `folder`, on one port however often it is started."""

    def __init__(self, folder, output):
        self.folder, self.output = folder, output
        self.port = live.free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        """Start, wait until it answers; returns how many seconds that took."""
        begun = time.monotonic()
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                live.dying_with_us(["make", "demo"]), cwd=self.folder, stdout=output, stderr=output,
                env=live.clean_environment(PORT=self.port), start_new_session=True, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            live.wait_for(self.answers, "make demo", self.process, INSTALLING_SECONDS)
        except BaseException as error:
            self.stop()
            error.add_note(self.output.read_text())
            raise
        return time.monotonic() - begun

    def answers(self):
        try:
            return live.Visitor(self.address).get("/").status == 200
        except OSError:
            return False

    def stop(self):
        """As Ctrl-C does; then see to it that nothing is left."""
        if self.process is None:
            return
        process, self.process = self.process, None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            live.wait_for(lambda: process.poll() is not None and not self.answers(), "the end")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def sign_ins(self):
        """{role: (address, password)} as printed."""
        found = SIGN_IN.findall(self.output.read_text())
        return {role: (address, password) for role, address, password in found}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """What somebody gets who clones the project now: what is committed."""
    for program in ("git", "make"):
        if not shutil.which(program):
            conftest.missing(program)
    folder = tmp_path_factory.mktemp("clone") / "talks"
    command = ["git", "-c", "safe.directory=*", "clone", "--quiet", str(live.ROOT), str(folder)]
    subprocess.run(command, check=True, env=live.clean_environment())
    return folder


def test_make_alone_lists_the_targets(clone):
    shown = subprocess.run(
        ["make"], cwd=clone, env=live.clean_environment(), capture_output=True, text=True, check=True
    ).stdout

    for target in ("demo", "run", "test", "quick", "cover", "bench", "soak"):
        assert f"make {target} " in shown


@pytest.fixture(scope="module")
def told(clone):
    """The story of a demo: what was seen at the first start and, after a stop, at the second."""
    demo = Demo(clone, clone.parent / "output")
    seen = SimpleNamespace()
    try:
        seen.first_seconds = demo.start()
        seen.first_said, seen.first_sign_ins = demo.output.read_text(), demo.sign_ins()
        seen.timeline = live.Visitor(demo.address).get("/").text
        seen.greeted = {role: greeting(demo, *who) for role, who in seen.first_sign_ins.items()}
        speaker = live.Visitor(demo.address)
        speaker.sign_in(*seen.first_sign_ins["speaker"])
        path = speaker.publish(title="Written before the stop")
        demo.stop()
        seen.second_seconds = demo.start()
        seen.address, seen.second_said = demo.address, demo.output.read_text()
        seen.second_sign_ins = demo.sign_ins()
        seen.kept = live.Visitor(demo.address).get(path).text
        seen.greeted_again = {role: greeting(demo, *who) for role, who in seen.second_sign_ins.items()}
    finally:
        demo.stop()
    return seen


def greeting(demo, address, password):
    return live.Visitor(demo.address).sign_in(address, password).text


def test_the_demo_says_where_it_is(told):
    assert f"Talks is at {told.address}" in told.first_said
    assert f"Talks is at {told.address}" in told.second_said


def test_the_demo_shows_real_talks(told):
    assert told.timeline.count('<article class="talk"') > 20
    assert "PyCon" in told.timeline


@pytest.mark.parametrize("role", ["member", "speaker", "administrator"])
def test_the_demo_prints_a_sign_in_that_works(told, role):
    assert f"Signed in as Demo {role.capitalize()}" in told.greeted[role]


@pytest.mark.parametrize("role", ["member", "speaker", "administrator"])
def test_the_sign_ins_of_the_second_start_are_those_of_the_first(told, role):
    assert told.second_sign_ins == told.first_sign_ins
    assert f"Signed in as Demo {role.capitalize()}" in told.greeted_again[role]


def test_the_demo_keeps_what_was_written(told):
    assert "Written before the stop" in told.kept


def test_the_second_start_takes_seconds(told):
    """Under five seconds where nothing else runs; installing again would take as long as the first start."""
    assert told.second_seconds < max(5, told.first_seconds / 2)
