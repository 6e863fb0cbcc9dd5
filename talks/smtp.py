"""The mail server: one connection to it, what its refusals mean, and files where there is none."""

import contextlib
import os
import smtplib
import ssl
import uuid
from datetime import UTC, datetime
from pathlib import Path
from smtplib import (
    SMTPDataError,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from email_validator import EmailNotValidError, validate_email

TIMEOUT_SECONDS = 20  # for each step with the server
# Codes that speak of this site's account there, whichever command they answer: every mail would get them.
ABOUT_US = {530, 534, 535, 538}
TOO_BIG = 552


class Unreachable(Exception):
    """No connection could be made, or the server does not let us in: no mail fares better now."""


class _Noticed:
    """A connection that calls `alive` before it waits for an answer."""

    alive = staticmethod(lambda: None)

    def getreply(self):
        self.alive()
        return super().getreply()


class Plain(_Noticed, smtplib.SMTP):
    pass


class Encrypted(_Noticed, smtplib.SMTP_SSL):
    pass


def connect(config):
    """A connection as the settings say, signed in. Raises OSError or smtplib.SMTPException."""
    host, port = config["MAIL_SERVER"], int(config.get("MAIL_PORT") or 0)
    context = ssl.create_default_context()
    if config.get("MAIL_USE_SSL"):
        connection = Encrypted(host, port, timeout=TIMEOUT_SECONDS, context=context)
    else:
        connection = Plain(host, port, timeout=TIMEOUT_SECONDS)
    try:
        if config.get("MAIL_USE_TLS"):
            connection.starttls(context=context)
        if config.get("MAIL_USERNAME"):
            connection.login(config["MAIL_USERNAME"], config.get("MAIL_PASSWORD") or "")
    except BaseException:
        connection.close()
        raise
    return connection


class Sender:
    """Sends messages over one connection, made when it is needed and again after it broke; a context.

    Without MAIL_SERVER each message becomes a file in `folder`. `alive` is called between the steps with
    the server, none of which takes longer than TIMEOUT_SECONDS.
    """

    def __init__(self, config, folder, alive=lambda: None):
        self.config, self.folder, self.alive = config, folder, alive
        self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def prepare(self):
        """Connect, unless that was done. Raises Unreachable."""
        if not self.config["MAIL_SERVER"] or self.connection:
            return
        try:
            self.connection = connect(self.config)
        except (OSError, smtplib.SMTPException, UnicodeError) as error:  # UnicodeError: of a host's name
            raise Unreachable(reason(error)) from error
        self.connection.alive = self.alive

    def send(self, message, sender, recipient):
        """Send `message`, after `prepare`. Raises OSError or smtplib.SMTPException; see `is_final`."""
        if not self.config["MAIL_SERVER"]:
            write_message(message, self.folder, datetime.now(UTC).timestamp())
            return
        try:
            self.connection.send_message(message, sender, [recipient])
        except (SMTPResponseException, SMTPRecipientsRefused, SMTPNotSupportedError):
            if self.connection.sock is None:  # it said 421, and smtplib hung up
                self.connection = None
            raise
        except Exception:
            self.close()
            raise

    @property
    def is_open(self):
        return self.connection is not None or not self.config["MAIL_SERVER"]

    def close(self):
        connection, self.connection = self.connection, None
        if connection:
            connection.alive = lambda: None
            with contextlib.suppress(OSError, smtplib.SMTPException):
                connection.quit()
            connection.close()


def is_final(error) -> bool:
    """Whether the server refused this very mail for good: another try would be answered alike."""
    if isinstance(error, SMTPRecipientsRefused):
        return all(_is_permanent(code) for code, _ in error.recipients.values())
    if isinstance(error, SMTPSenderRefused):  # else it minds our address, and so every mail
        return error.smtp_code == TOO_BIG
    if isinstance(error, SMTPDataError):
        return _is_permanent(error.smtp_code)
    # Of sending, not of connecting: an address with letters beyond ASCII before the @.
    return isinstance(error, SMTPNotSupportedError)


def _is_permanent(code):
    return 500 <= code < 600 and code not in ABOUT_US


def reason(error) -> str:
    """What went wrong, in one line."""
    if isinstance(error, SMTPRecipientsRefused):
        answers = [f"{code} {_text(said)}" for code, said in error.recipients.values()]
        return f"recipient refused: {'; '.join(answers)}"
    if isinstance(error, SMTPResponseException):
        return f"{type(error).__name__}: {error.smtp_code} {_text(error.smtp_error)}"
    return f"{type(error).__name__}: {_text(str(error))}"


def _text(said):
    said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join("".join(char if char.isprintable() else " " for char in said).split())


def for_the_wire(address: str) -> str:
    """`address` with its domain in ASCII (IDNA), as mail servers know it.

    What stands before the @ has no other form: with letters beyond ASCII the server must know SMTPUTF8.
    """
    try:
        found = validate_email(address, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return address
    return found.ascii_email or f"{found.local_part}@{found.ascii_domain}"


def folder_in(instance_path) -> Path:
    """Where messages are written that no server takes."""
    return Path(instance_path) / "mail"


def write_message(message, folder, now):
    """Write `message` to a file of its own, which appears complete."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}.eml"
    temporary = folder / f".{name}"
    with open(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(message.as_bytes(policy=message.policy.clone(utf8=not _is_ascii(message))))
    os.replace(temporary, folder / name)


def _is_ascii(message):
    """Whether its addresses are; other words in headers have a form in ASCII."""
    return all(
        address.addr_spec.isascii()
        for name in ("From", "To")
        for address in getattr(message[name], "addresses", ())
    )
