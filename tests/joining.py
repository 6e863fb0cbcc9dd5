"""Somebody who registers, for tests of what follows."""

from conftest import PASSWORD
from itsdangerous import TimestampSigner

import main
from models import User

REGISTER, WAITING = "/auth/register", "/auth/confirm"
EVE = {"username": "eve", "email": "eve@example.org", "password": PASSWORD, "password2": PASSWORD}


def browser():
    return main.app.test_client()


def registered(client=None, **values):
    """A browser in which somebody registered."""
    client = client or browser()
    answer = client.submit(REGISTER, **(EVE | values))
    assert (answer.status_code, answer.location) == (303, WAITING), answer.text
    return client


def eve():
    return User.get(User.username == "eve")


def later(seconds, monkeypatch):
    """Let so many seconds pass for what is signed."""
    now = TimestampSigner("x").get_timestamp()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: now + seconds)
