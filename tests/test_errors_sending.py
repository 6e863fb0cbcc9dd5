"""How the operator hears of errors: by a mail server, a folder or syslog; trouble there harms nobody."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from logged import Clock, a_logger, fail, mailing_from, mails, written
from mailed import serving

from talks import errors
from talks.errors import MOST_WAITING

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def logger():
    with a_logger() as made:
        yield made


@pytest.fixture
def mailing(logger, tmp_path):
    return mailing_from(logger, tmp_path, Clock())


# Sending


class Peer:
    """A mail server that keeps what it gets."""

    def __init__(self):
        self.taken = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802, its name in aiosmtpd
        self.taken.append((session.login_data, envelope))
        return "250 OK"


def test_it_goes_to_the_mail_server(logger, mailing, tmp_path):
    peer = Peer()
    with serving(peer) as server:
        handler = mailing(**server)
        fail(logger)
        handler.flush(timeout_seconds=30)

    ((_, envelope),) = peer.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("talks@example.org", ["ops@example.org"])
    assert b"ValueError: it failed" in envelope.content
    assert mails(tmp_path) == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_it_signs_in_where_there_is_a_name(logger, mailing):
    peer = Peer()

    def authenticator(server, session, envelope, mechanism, data):
        return AuthResult(success=True, auth_data=(data.login, data.password))

    with serving(peer, authenticator=authenticator, auth_required=True, auth_require_tls=False) as server:
        handler = mailing(**server, MAIL_USERNAME="ada", MAIL_PASSWORD="pw")
        fail(logger)
        handler.flush(timeout_seconds=30)

    assert len(peer.taken) == 1


@pytest.fixture
def silent():
    """Somebody who answers the call and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def test_a_mail_server_that_hangs_holds_nobody(silent, logger, mailing):
    handler = mailing(MAIL_SERVER="127.0.0.1", MAIL_PORT=silent.getsockname()[1])
    fail(logger)
    with silent.accept()[0]:  # the first is being sent
        for _ in range(MOST_WAITING + 10):
            fail(logger)

        assert handler.dropped == 10


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
