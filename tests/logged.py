"""A logger of its own, errors that it is told, and the mail they make, for tests of what is told."""

import email
import email.policy
import logging
from contextlib import contextmanager

from talks.errors import ErrorMail

CONFIG = {"MAIL_ERROR_RECIPIENT": "ops@example.org", "MAIL_SENDER": "Talks <talks@example.org>"}


class Clock:
    def __init__(self):
        self.now = 1_700_000_000

    def __call__(self):
        return self.now


@contextmanager
def a_logger():
    """A logger of its own, emptied at the end."""
    made = logging.Logger("talks")
    yield made
    for handler in list(made.handlers):
        made.removeHandler(handler)
        handler.close()


def mailing_from(logger, folder, clock):
    """Makes the logger mail; the handler it returns knows its folder."""

    def attach(**config):
        handler = ErrorMail({**CONFIG, **config}, folder, clock)
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
