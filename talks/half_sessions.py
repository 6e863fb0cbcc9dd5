"""Between password and second factor: the browser holds who has shown the password, and is nobody yet.

The note is signed, good for ten minutes, and void when the password changes or the sessions are ended.
"""

import hmac

from flask import current_app, session

from models import User
from talks import tokens
from talks.networks import keyed

SECONDS = 600
NOTE = "half_session"  # its key in the browser's session


def begin(user, remembered, target):
    """Note that `user` has shown the password, and where to go after the second factor."""
    secret = current_app.secret_key
    session.clear()
    session[NOTE] = tokens.sign(secret, NOTE, [user.id, _state(secret, user), bool(remembered), target])


def held():
    """(user, remembered, target) of this browser. Raises TokenError when it holds none that is good."""
    secret = current_app.secret_key
    user_id, state, remembered, target = tokens.read(secret, NOTE, session.get(NOTE, ""), SECONDS)
    user = User.get_or_none(User.id == user_id, User.is_active)
    if user is None or not hmac.compare_digest(state, _state(secret, user)):
        raise tokens.TokenInvalid
    return user, remembered, target


def _state(secret, user):
    """Changes when the password does, and when all sessions are ended; says nothing about either."""
    return keyed(secret, f"half a session {user.id} {user.password_hash} {user.session_epoch}")[:16]
