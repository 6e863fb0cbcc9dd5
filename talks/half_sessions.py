"""Between password and second factor: the browser holds who has shown the password, and is nobody yet.

The note is signed, good for ten minutes, and void when the password changes or the sessions are ended.
"""

from flask import current_app, session

from talks import user_tokens

SECONDS = 600
NOTE = "half_session"  # its key in the browser's session


def begin(user, remembered, target):
    """Note that `user` has shown the password, and where to go after the second factor."""
    session.clear()
    session[NOTE] = user_tokens.sign(current_app.secret_key, NOTE, user, bool(remembered), target)


def held():
    """[user, remembered, target] of this browser. Raises TokenError when it holds none that is good."""
    return user_tokens.read(current_app.secret_key, NOTE, session.get(NOTE, ""), SECONDS)
