import email
import email.policy
import logging
import socket
import subprocess
import sys
import threading
from multiprocessing import get_context
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talks import errors
from talks.errors import HOUR, MOST_WAITING, ErrorMail, Hourly

ROOT = Path(__file__).resolve().parent.parent
CONFIG = {"MAIL_ERROR_RECIPIENT": "ops@example.org", "MAIL_SENDER": "Talks <talks@example.org>"}


class Clock:
    def __init__(self):
        self.now = 1_700_000_000

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def logger():
    """A logger of its own, emptied at the end."""
    made = logging.Logger("talks")
    yield made
    for handler in list(made.handlers):
        made.removeHandler(handler)
        handler.close()


@pytest.fixture
def mailing(logger, tmp_path, clock):
    """Makes the logger mail; the handler it returns knows its folder."""

    def attach(**config):
        handler = ErrorMail({**CONFIG, **config}, tmp_path, clock)
        logger.addHandler(handler)
        return handler

    return attach


def fail(logger, error=None, **facts):
    """Log an exception from always the same place."""
    try:
        raise error or ValueError("it failed")
    except Exception:
        logger.exception("Something about %s", "a secret", extra=facts)


def mails(folder):
    """The messages in a folder of mail, oldest first."""
    paths = sorted((folder / "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    return [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in paths]


def written(handler, folder):
    handler.flush(timeout_seconds=30)
    return mails(folder)


# What a mail says


def test_an_error_is_mailed(logger, mailing, tmp_path):
    handler = mailing(MAIL_SUBJECT_PREFIX="[talks] ")
    fail(logger, route="/talk/<int:talk_id>", method="POST", request_id="abcdefgh")

    (mail,) = written(handler, tmp_path)
    assert mail["Subject"] == "[talks] ValueError in /talk/<int:talk_id>"
    assert (mail["To"], mail["From"]) == ("ops@example.org", "Talks <talks@example.org>")
    text = mail.get_content()
    assert "Request: abcdefgh\nMethod: POST\nRoute: /talk/<int:talk_id>\n" in text
    assert "Traceback (most recent call last)" in text
    assert "ValueError: it failed" in text


def test_the_arguments_of_a_record_are_not_mailed(logger, mailing, tmp_path):
    handler = mailing()
    fail(logger)
    logger.error("Nobody took %s", "a secret")

    first, second = written(handler, tmp_path)
    assert "a secret" not in first.get_content()
    assert "Nobody took %s" in second.get_content()


def test_other_attributes_of_a_record_are_not_mailed(logger, mailing, tmp_path):
    handler = mailing()
    fail(logger, cookie="a=secret", path="/unsubscribe/secret")

    assert "secret" not in written(handler, tmp_path)[0].get_content().replace('"a secret"', "")


def test_local_variables_are_not_mailed(logger, mailing, tmp_path):
    handler = mailing()
    password = "hunter" + "2"
    try:
        raise ValueError(len(password))
    except ValueError:
        logger.exception("no")

    assert password not in written(handler, tmp_path)[0].as_string()


def test_a_warning_is_not_mailed(logger, mailing, tmp_path):
    handler = mailing()
    logger.warning("almost")

    assert written(handler, tmp_path) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.text(), st.text())
def test_no_text_can_add_a_header(mailing, route, said):
    handler = mailing(MAIL_SUBJECT_PREFIX="[talks] ")
    record = logging.makeLogRecord({"msg": said, "route": f"{route}\r\nBcc: a@b.c", "levelname": "ERROR"})
    message = handler.message(errors.title_of(record), errors.report_of(record), 0)

    parsed = email.message_from_bytes(message.as_bytes(), policy=email.policy.default)
    assert "Bcc" not in parsed
    assert sorted(parsed.keys()) == sorted(message.keys())


def test_a_huge_exception_is_cut_in_the_middle(logger, mailing, tmp_path):
    handler = mailing()
    fail(logger, ValueError("x" * 1_000_000 + "the end"))

    text = written(handler, tmp_path)[0].get_content()
    assert len(text) < 70_000
    assert "the end" in text


def test_halves_of_characters_are_no_trouble(logger, mailing, tmp_path):
    handler = mailing()
    fail(logger, ValueError("\ud800\x00\x1b[31m"))

    assert "ValueError: \\ud800" in written(handler, tmp_path)[0].get_content()


@pytest.mark.parametrize("value", ["nobody", "a@b.c\r\nBcc: d@e.f"])
@pytest.mark.parametrize("name", ["MAIL_ERROR_RECIPIENT", "MAIL_SENDER"])
def test_a_bad_address_stops_the_start_with_a_sentence(mailing, name, value):
    with pytest.raises(ValueError, match=f"{name} is .*it has to be like"):
        mailing(**{name: value})


# One an hour for each kind


def test_the_second_of_a_kind_is_held_back(logger, mailing, tmp_path):
    handler = mailing()
    fail(logger)
    fail(logger, ValueError("another text, the same place"))

    assert len(written(handler, tmp_path)) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda logger: fail(logger, KeyError("x")), id="type"),
        pytest.param(lambda logger: logger.error("said"), id="place"),
    ],
)
def test_another_is_another_kind(logger, mailing, tmp_path, other):
    handler = mailing()
    fail(logger)
    other(logger)

    assert len(written(handler, tmp_path)) == 2


def test_after_an_hour_the_next_is_mailed_and_says_how_many_were_held_back(logger, mailing, tmp_path, clock):
    handler = mailing()
    for _ in range(4):
        fail(logger)
    handler.flush(timeout_seconds=30)
    clock.now += HOUR
    fail(logger)

    _, second = written(handler, tmp_path)
    assert "Since the last mail about this it happened 3 more times." in second.get_content()


def test_within_the_hour_it_is_not(logger, mailing, tmp_path, clock):
    handler = mailing()
    fail(logger)
    handler.flush(timeout_seconds=30)
    clock.now += HOUR - 1
    fail(logger)

    assert len(written(handler, tmp_path)) == 1


def test_what_is_held_back_does_not_lengthen_the_hour(tmp_path, clock):
    hourly = Hourly(tmp_path, clock)
    assert hourly.claim("a") == 0
    clock.now += HOUR - 1
    assert hourly.claim("a") is None
    clock.now += 1

    assert hourly.claim("a") == 1


def test_a_kind_keeps_one_file(tmp_path, clock):
    hourly = Hourly(tmp_path, clock)
    for _ in range(5):
        hourly.claim("a")
        clock.now += HOUR

    assert len(list(tmp_path.iterdir())) == 1


def test_a_clock_that_was_set_back_does_not_silence_it_for_ever(tmp_path, clock):
    hourly = Hourly(tmp_path, clock)
    hourly.claim("a")
    clock.now -= 1000 * HOUR

    assert hourly.claim("a") == 0


def log_an_error(folder):
    logger = logging.Logger("talks")
    handler = ErrorMail(CONFIG, folder)
    logger.addHandler(handler)
    fail(logger)
    handler.flush(timeout_seconds=30)


def test_of_several_workers_one_mails(tmp_path):
    with get_context("spawn").Pool(4) as pool:
        pool.map(log_an_error, [tmp_path] * 16)

    assert len(mails(tmp_path)) == 1


def test_threads_that_claim_at_once_are_let_through_once(tmp_path, clock):
    hourly = Hourly(tmp_path, clock)
    hourly.claim("a")
    clock.now += 2 * HOUR
    barrier, claimed = threading.Barrier(8), []

    def claim():
        barrier.wait()
        claimed.append(hourly.claim("a"))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [result for result in claimed if result is not None] == [0]


def test_none_that_threads_hold_back_at_once_is_forgotten(tmp_path, clock):
    hourly = Hourly(tmp_path, clock)
    hourly.claim("a")
    threads = [threading.Thread(target=hourly.claim, args="a") for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    clock.now += HOUR

    assert hourly.claim("a") == 20


# Sending


class Peer:
    """A mail server that keeps what it gets."""

    def __init__(self):
        self.taken = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802, its name in aiosmtpd
        self.taken.append((session.login_data, envelope))
        return "250 OK"


def serving(peer, **options):
    """A running server; stop it at the end."""

    class OnAFreePort(Controller):
        def factory(self):
            return SMTP(self.handler, **options)

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    controller = OnAFreePort(peer, hostname="127.0.0.1", port=port)
    controller.start()
    return controller


def test_it_goes_to_the_mail_server(logger, mailing, tmp_path):
    peer = Peer()
    controller = serving(peer)
    try:
        handler = mailing(MAIL_SERVER="127.0.0.1", MAIL_PORT=controller.port)
        fail(logger)
        handler.flush(timeout_seconds=30)
    finally:
        controller.stop()

    ((_, envelope),) = peer.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("talks@example.org", ["ops@example.org"])
    assert b"ValueError: it failed" in envelope.content
    assert mails(tmp_path) == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_it_signs_in_where_there_is_a_name(logger, mailing):
    peer = Peer()

    def authenticator(server, session, envelope, mechanism, data):
        return AuthResult(success=True, auth_data=(data.login, data.password))

    controller = serving(peer, authenticator=authenticator, auth_required=True, auth_require_tls=False)
    try:
        handler = mailing(
            MAIL_SERVER="127.0.0.1", MAIL_PORT=controller.port, MAIL_USERNAME="ada", MAIL_PASSWORD="pw"
        )
        fail(logger)
        handler.flush(timeout_seconds=30)
    finally:
        controller.stop()

    assert len(peer.taken) == 1


@pytest.fixture
def silent_port():
    """A port where somebody answers the call and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_mail_server_that_hangs_holds_nobody(silent_port, logger, mailing):
    handler = mailing(MAIL_SERVER="127.0.0.1", MAIL_PORT=silent_port)
    for _ in range(MOST_WAITING + 10):
        fail(logger)

    assert handler.dropped >= 9  # one is being sent


def test_what_was_dropped_is_said_in_the_next_mail(mailing):
    handler = mailing()
    handler.dropped = 1234

    text = handler.message("title", "report", 0).get_content()

    assert "1,234 errors came too fast" in text


def refused(mailing):
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return mailing(MAIL_SERVER="127.0.0.1", MAIL_PORT=found.getsockname()[1])


def test_a_mail_that_cannot_be_sent_is_kept_in_the_folder(logger, mailing, tmp_path, capsys):
    handler = refused(mailing)
    fail(logger)

    assert len(written(handler, tmp_path)) == 1


def test_trouble_with_sending_is_said_once_on_standard_error(logger, mailing, capsys):
    handler = refused(mailing)
    fail(logger)
    fail(logger, KeyError("other"))
    handler.flush(timeout_seconds=30)

    said = capsys.readouterr().err
    assert said.startswith("talks: an error could not be mailed: ConnectionRefusedError")
    assert said.count("\n") == 1


def test_a_folder_that_cannot_be_written_is_no_error_of_the_request(logger, mailing, tmp_path, capsys):
    (tmp_path / "errors").write_text("a file where a folder should be")
    handler = mailing()
    fail(logger)
    handler.flush(timeout_seconds=30)

    assert "could not be mailed" in capsys.readouterr().err


AFTER_A_FORK = """
import logging, os, sys
from pathlib import Path
from talks.errors import ErrorMail
logger = logging.getLogger("talks")
logger.addHandler(ErrorMail({"MAIL_ERROR_RECIPIENT": "ops@example.org"}, Path(sys.argv[1])))
logger.error("in the parent")
child = os.fork()
if child == 0:
    logger.error("in the child")
    logging.shutdown()
    os._exit(0)
os.waitpid(child, 0)
"""


def test_workers_mail_after_a_fork_and_what_waits_is_sent_when_a_process_ends(tmp_path):
    code = [sys.executable, "-W", "ignore", "-c", AFTER_A_FORK, tmp_path]
    subprocess.run(code, check=True, cwd=ROOT, timeout=60)

    said = sorted(mail.get_content().strip().splitlines()[-1] for mail in mails(tmp_path))
    assert said == ["in the child", "in the parent"]


# Syslog


@pytest.fixture
def syslog():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(30)
        yield listening


def configured(logger, folder, **config):
    return errors.configure(logger, config, folder)


def test_an_error_goes_to_syslog_in_one_line(logger, tmp_path, syslog):
    configured(logger, tmp_path, SYSLOG=f"127.0.0.1:{syslog.getsockname()[1]}")
    fail(logger, request_id="abcdefgh", route="/talk/<int:talk_id>")

    line = syslog.recv(65536).decode()
    assert line.startswith("<11>talks: ERROR Request: abcdefgh | Method: - | Route: /talk/<int:talk_id>")
    assert line.endswith("ValueError: it failed")
    assert "\n" not in line


def test_a_huge_error_fits_a_datagram_and_keeps_its_end(logger, tmp_path, syslog):
    configured(logger, tmp_path, SYSLOG=f"127.0.0.1:{syslog.getsockname()[1]}")
    fail(logger, ValueError("ü" * 200_000 + "the end"))

    line = syslog.recv(65536).decode()
    assert len(line) < 2000
    assert line.endswith("the end")


def test_a_new_line_cannot_make_a_second_record(logger, tmp_path, syslog):
    configured(logger, tmp_path, SYSLOG=f"127.0.0.1:{syslog.getsockname()[1]}")
    logger.error("one\n<11>talks: two")

    assert "\n" not in syslog.recv(65536).decode()


def test_a_socket_in_the_file_system_works_too(logger, tmp_path):
    path = str(tmp_path / "log")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(30)
        configured(logger, tmp_path, SYSLOG=path)
        logger.warning("Careful: %s", "the disk")

        assert b"WARNING Careful: the disk" in listening.recv(65536)


@pytest.mark.parametrize(
    "address", ["nowhere", ":514", "localhost:x", "localhost:99999", "no.such.host.invalid:514"]
)
def test_a_syslog_address_that_does_not_work_is_said_and_the_start_goes_on(logger, tmp_path, capsys, address):
    assert configured(logger, tmp_path, SYSLOG=address) == []
    assert capsys.readouterr().err.startswith(f"talks: SYSLOG is {address!r}, which does not work: ")


def test_a_syslog_that_is_not_there_yet_is_said_once_and_used_when_it_comes(logger, tmp_path, capsys):
    path = str(tmp_path / "log")
    configured(logger, tmp_path, SYSLOG=path)
    logger.error("lost")
    assert capsys.readouterr().err == f"talks: errors cannot be sent to syslog: nothing listens at {path}\n"

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path)
        listening.settimeout(30)
        logger.error("found")
        assert b"found" in listening.recv(65536)


# Settings


def test_without_settings_nothing_is_added(logger, tmp_path):
    assert configured(logger, tmp_path, MAIL_ERROR_RECIPIENT="", SYSLOG="") == logger.handlers == []


def test_both_are_added(logger, tmp_path, syslog):
    address = f"127.0.0.1:{syslog.getsockname()[1]}"
    handlers = configured(logger, tmp_path, MAIL_ERROR_RECIPIENT="ops@example.org", SYSLOG=address)

    assert logger.handlers == handlers
    assert len(handlers) == 2
