"""Tell the operator about errors: by mail, and by syslog.

Both say where an error happened and never what somebody typed: request id, method, route (the pattern, not
the address), exception and traceback. Read from a record are its attributes `request_id`, `method` and
`route`, where they are there; its arguments are not.
"""

import contextlib
import hashlib
import logging
import os
import queue
import smtplib
import socket
import sys
import tempfile
import threading
import time
import traceback
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from logging.handlers import SysLogHandler
from pathlib import Path

from talks import smtp

HOUR = 60 * 60
MOST_WAITING = 50  # mails; above that a process has worse problems
MOST_CHARACTERS = 60_000  # of a traceback; the exception's own text can be of any size
SYSLOG_CHARACTERS = 1_800  # what a datagram surely carries


def configure(logger, config, folder):
    """Add to `logger` what the settings ask for; returns the handlers added.

    `config` maps the names of settings to values. `folder` is the instance folder: mail that has no server
    goes to its `mail/`. Raises ValueError with a sentence for a bad address; a syslog that is not there is
    said on standard error, and nothing else.
    """
    handlers = []
    if config.get("MAIL_ERROR_RECIPIENT"):
        handlers.append(ErrorMail(config, folder))
    if config.get("SYSLOG"):
        try:
            handlers.append(Syslog(config["SYSLOG"]))
        except OSError as error:
            complain(f"SYSLOG is {config['SYSLOG']!r}, which does not work: {error}")
    for handler in handlers:
        logger.addHandler(handler)
    return handlers


class ErrorMail(logging.Handler):
    """Mails records of level ERROR and above: one an hour for each kind, over all workers of a machine.

    A kind is an exception's type and the place that raised it. A daemon thread sends, so no request waits
    for a mail server; what does not fit into its queue is dropped and counted. Nothing here ever raises:
    trouble with sending is said on standard error, once until it works again, and the mail then is
    written to the folder.
    `clock` gives seconds since 1970.
    """

    def __init__(self, config, folder, clock=time.time):
        super().__init__(logging.ERROR)
        self.recipient = checked_address(config, "MAIL_ERROR_RECIPIENT")
        self.sender = checked_address(config, "MAIL_SENDER") if config.get("MAIL_SENDER") else self.recipient
        self.prefix = config.get("MAIL_SUBJECT_PREFIX") or ""
        self.config = config
        self.mailbox = smtp.folder_in(folder)
        self.hourly = Hourly(Path(folder, "errors"), clock)
        self.clock = clock
        self.process = None
        self.dropped = 0
        self.complained = False
        self.ended = False

    def emit(self, record):
        """Queue `record`. Called under the handler's lock."""
        try:
            if self.process != os.getpid():
                self.start()
            self.waiting.put_nowait((kind_of(record), title_of(record), report_of(record)))
        except queue.Full:
            self.dropped += 1
        except Exception as error:  # logging must not make a second error of the first
            self.complain(error)

    def start(self):
        """Queue and thread of this process: threads do not survive a fork."""
        self.process = os.getpid()
        self.waiting = queue.Queue(MOST_WAITING)
        threading.Thread(target=self.work, name="error mail", daemon=True).start()

    def close(self):
        """Send no more. What `flush` did not get sent is lost."""
        self.ended = True
        super().close()

    def work(self):
        while not self.ended:
            kind, title, report = self.waiting.get()
            try:
                suppressed = self.hourly.claim(kind)
                if suppressed is not None:
                    self.deliver(self.message(title, report, suppressed))
            except Exception as error:  # whatever goes wrong, the next mail may still work
                self.complain(error)
            finally:
                self.waiting.task_done()

    def flush(self, timeout_seconds=5):
        """Wait until what is queued was sent, but not for long: called when the process ends."""
        if self.process == os.getpid():
            deadline = time.monotonic() + timeout_seconds
            with self.waiting.all_tasks_done:
                while self.waiting.unfinished_tasks and time.monotonic() < deadline:
                    self.waiting.all_tasks_done.wait(deadline - time.monotonic())

    def message(self, title, report, suppressed):
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = self.recipient
        message["Subject"] = one_line(f"{self.prefix}{title}", 200)
        message["Date"] = format_datetime(datetime.fromtimestamp(self.clock(), UTC))
        message["Message-ID"] = make_msgid(domain=parseaddr(self.sender)[1].rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        lines = []
        if suppressed:
            lines.append(f"Since the last mail about this it happened {suppressed:,} more times.")
        if self.dropped:
            lines.append(f"{self.dropped:,} errors came too fast to be looked at.")
            self.dropped = 0
        message.set_content("\n".join([*lines, report]))
        return message

    def deliver(self, message):
        """Send; or write to the folder, where there is no server or it does not take the mail."""
        if self.config.get("MAIL_SERVER"):
            try:
                self.send(message)
                self.complained = False
                return
            except (OSError, smtplib.SMTPException) as error:
                self.complain(error)
        smtp.write_message(message, self.mailbox, self.clock())

    def send(self, message):
        with smtp.connect(self.config) as server:
            server.send_message(message)

    def complain(self, error):
        if not self.complained and not self.ended:
            self.complained = True
            complain(f"an error could not be mailed: {type(error).__name__}: {error}")


class Hourly:
    """Lets one of each kind through an hour, over all processes that share `folder`.

    A kind has a file `<kind>.<generation>`, whose time of change is when one was let through, and a file
    `held-<kind>.<generation>` that grows by a byte for each one held back since. Who finds the first an hour
    old makes the next generation, exclusively: among several processes one succeeds, without a lock that
    somebody could die with.
    """

    def __init__(self, folder, clock):
        self.folder = folder
        self.clock = clock

    def claim(self, kind):
        """How many were held back since the last one let through; None if this one is held back as well."""
        name = hashlib.sha256(kind.encode(errors="backslashreplace")).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        newest = max((int(path.suffix[1:]) for path in self.folder.glob(f"{name}.*")), default=0)
        last, following = self.folder / f"{name}.{newest}", self.folder / f"{name}.{newest + 1}"
        held = self.folder / f"held-{name}.{newest}"
        with contextlib.suppress(FileNotFoundError):
            # Of a clock that was set back the difference is negative: also that is over some day.
            if abs(self.clock() - last.stat().st_mtime) < HOUR:
                return self.hold_back(held)
        if not self.mark(following):
            return self.hold_back(self.folder / f"held-{following.name}")
        held_back = held.stat().st_size if held.exists() else 0
        held.unlink(missing_ok=True)
        last.unlink(missing_ok=True)
        return held_back

    def mark(self, path):
        """Make `path`, from its first moment with the time of our clock. False if somebody else has."""
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix="new-")
        os.close(handle)
        try:
            os.utime(temporary, (self.clock(), self.clock()))
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            os.unlink(temporary)
        return True

    def hold_back(self, path):
        """Count one more. Appending needs no lock either."""
        with open(path, "ab") as file:
            file.write(b".")


class Syslog(SysLogHandler):
    """Sends warnings and errors to `address`: "host:port" by UDP, or the path of a socket.

    One line each. Raises OSError if there is no such host. Where nobody listens, that is said on standard
    error, once; a socket that appears later is used from then on.
    """

    append_nul = False
    ident = "talks: "

    def __init__(self, address):
        self.complained = False
        super().__init__(resolved(address))
        self.setLevel(logging.WARNING)
        if self.socket.fileno() < 0:
            self.complain(f"nothing listens at {address}")
        else:
            self.socket.settimeout(2)  # a syslog that is stuck must not hold requests for ever

    def format(self, record):
        said = "" if has_exception(record) else f"{record.getMessage()}\n"
        line = one_line(
            f"{record.levelname} {said}{report_of(record)}".replace("\n", " | "), 2 * MOST_CHARACTERS
        )
        return shortened(line, SYSLOG_CHARACTERS, " […] ")

    def handleError(self, record):  # noqa: N802, a method of logging.Handler
        self.complain(sys.exc_info()[1])

    def complain(self, reason):
        if not self.complained:
            self.complained = True
            complain(f"errors cannot be sent to syslog: {reason}")


def resolved(address):
    """What SysLogHandler takes: a path, or (host, port) looked up once, not at every record."""
    if address.startswith("/"):
        return address
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise OSError("it has to be host:port or the path of a socket")
    found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)
    return found[0][4][:2]


def has_exception(record):
    return bool(record.exc_info and record.exc_info[0])


def kind_of(record):
    """Type of the exception and the line that raised it; for a record without one, where it was logged."""
    if has_exception(record):
        kind, _, trace = record.exc_info
        frames = traceback.extract_tb(trace)
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else record.pathname
        return f"{kind.__module__}.{kind.__qualname__} {place}"
    return f"{record.pathname}:{record.lineno}"


def title_of(record):
    """What and where: "ValueError in /talk/<int:talk_id>"."""
    name = record.exc_info[0].__name__ if has_exception(record) else record.levelname
    return f"{name} in {getattr(record, 'route', None) or record.module}"


def report_of(record):
    """All that is told about `record`. Its message only without arguments: those hold what people typed."""
    lines = [
        f"{label}: {one_line(str(getattr(record, name, None) or '-'), 200)}"
        for label, name in (("Request", "request_id"), ("Method", "method"), ("Route", "route"))
    ]
    lines.append(f"Logged by: {record.name}, {record.module}, line {record.lineno}")
    if has_exception(record):
        text = "".join(traceback.format_exception(*record.exc_info)).rstrip()
    else:
        text = str(record.msg)
    return "\n".join([*lines, "", printable(shortened(text, MOST_CHARACTERS))])


def shortened(text, most, gap="\n[…]\n"):
    """`text` without its middle, if that is longer than `most`: the end of a traceback says what failed."""
    return text if len(text) <= most else f"{text[: most // 2]}{gap}{text[-most // 2 :]}"


def printable(text):
    """`text` without control characters (new lines and tabs stay) and without halves of characters."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)


def one_line(text, most):
    return " ".join(printable(text).split())[:most]


def checked_address(config, name):
    """The address in the setting `name`. Raises ValueError if it is none."""
    value = config[name]
    if "@" not in parseaddr(value)[1] or not value.isprintable():
        raise ValueError(
            f"{name} is {value!r}; it has to be like talks@example.org or Talks <talks@example.org>"
        )
    return value


def complain(sentence):
    """Say `sentence` to whoever reads standard error; never fail, even if that is closed."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"talks: {sentence}\n")
