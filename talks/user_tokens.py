"""Tokens that stand for a user: void when the password changes, and when all sessions are ended."""

import hmac

from models import User
from talks import tokens
from talks.networks import keyed


def sign(secret, purpose, user, *more):
    """What stands for `user`, and says `more`, for one purpose."""
    return tokens.sign(secret, purpose, [user.id, _state(secret, user), *more])


def read(secret, purpose, token, max_age_seconds):
    """[user, *more] of what was signed. Raises TokenError."""
    user_id, state, *more = tokens.read(secret, purpose, token, max_age_seconds)
    user = User.get_or_none(User.id == user_id, User.is_active)
    if user is None or not hmac.compare_digest(state, _state(secret, user)):
        raise tokens.TokenInvalid
    return [user, *more]


def _state(secret, user):
    """Changes when the password does, and when all sessions are ended; says nothing about either."""
    return keyed(secret, f"{user.id} {user.password_hash} {user.session_epoch}")[:16]
