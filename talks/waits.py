"""How often something may be tried: waits that grow with each failure, and so many a day.

Failures count for an account together with the network they come from, so nobody can keep its owner out from
elsewhere. A network that fails at many accounts waits as well, save for who was let in from there before.
"""

import math

from flask import current_app

from models import AuditEvent, LoginAttempt, User
from talks.networks import keyed
from talks.wording import count

MAILS_PER_NETWORK = 50  # a day that visitors ask for; each makes a row, whoever has the address
MANY_MAILS = "Many mails were asked for from your network today. Try again tomorrow."


class TooManyAttempts(Exception):
    """Wait: `seconds` until the next try, and `headers` that say so. Its text is fit to be shown."""

    def __init__(self, seconds):
        self.seconds = max(1, math.ceil(seconds))
        self.headers = {"Retry-After": str(self.seconds)}
        super().__init__(f"Too many attempts. Wait {said(self.seconds)}, then try again.")


def said(seconds):
    """A time to wait, rounded up."""
    minutes = math.ceil(seconds / 60)
    return count(minutes, "minute") if minutes < 60 else count(math.ceil(minutes / 60), "hour")


def reserve(account, network, is_known=lambda: False):
    """One attempt at `account` from `network`, counted before it is judged. Raises TooManyAttempts.

    Both are keyed digests. Who succeeds calls `forgive` on it.
    """
    attempt, wait = LoginAttempt.reserve(account, network, is_known)
    if attempt is None:
        raise TooManyAttempts(wait.total_seconds())
    return attempt


def has_entered_from(email, network):
    """Whether the account of that address was let in from that network, within a year."""
    entered = AuditEvent.action == "session.begin", AuditEvent.network == network
    return AuditEvent.select().join(User, on=AuditEvent.actor).where(User.email == email, *entered).exists()


def take_mail(network):
    """Count one of the mails a day that visitors of a network ask for. False when there is none left."""
    return take("mails asked for from", network, MAILS_PER_NETWORK)


def take(what, whose, most):
    """Count one of the `most` a day that `whose`, an address, account or network, has of `what`.

    False when there is none left.
    """
    return LoginAttempt.take(keyed(current_app.secret_key, f"{what} {whose}"), most)
