"""Who is asking: a token or a password in the Authorization header, or a "token" in the JSON body.

A cookie says nothing here: browsers send it along with what any other site asks of us.
"""

from flask import current_app, g, request

from talks import accounts, second_factor, tokens
from talks.api.errors import ApiError

# Not "Basic": browsers would ask people for a password in a window of their own.
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="Talks"'}


def asker():
    """The user whose credentials came with the request, or None. Raises ApiError for bad ones."""
    if "asker" not in g:  # a password is looked at once
        g.asker = _asker()
    return g.asker


def _asker():
    if "Authorization" in request.headers:
        return _by_header(request.authorization)
    sent = json_object()
    return by_token(sent["token"]) if sent and "token" in sent else None


def signed_in():
    """As `asker`, for what nobody does unnamed."""
    user = asker()
    if user is None:
        if json_object() is None:
            raise ApiError(400, "Send an Authorization header, or a JSON object that holds a token.")
        raise refused("Say who you are: by an Authorization header, or a token in the JSON body.")
    return user


def by_token(token):
    if not isinstance(token, str):
        raise refused("A token is a text.")
    try:
        user = accounts.user_of_api_token(current_app.secret_key, token)
    except tokens.TokenExpired:
        raise refused("That token has expired. Get a new one at /api/1.0/token.") from None
    except tokens.TokenError:
        raise refused("That token is not valid. Get a new one at /api/1.0/token.") from None
    if second_factor.is_missing(user):
        raise ApiError(403, "Administrators of this site need a second factor. Sign in and set one up.")
    return user


def by_password(email, password):
    """The user of that address and password; the limits on sign-in count before anything is hashed."""
    try:
        user = accounts.authenticate(email, password, request.remote_addr, current_app.secret_key)
    except accounts.TooManyAttempts as refusal:
        raise ApiError(429, str(refusal), headers=refusal.headers) from None
    if user is None:
        raise refused("E-mail and password do not belong together.")
    if not second_factor.takes_passwords_alone(user):
        raise refused("This account has a second factor, so a password alone says nothing. Send a token.")
    return user


def refused(message):
    return ApiError(401, message, headers=CHALLENGE)


def json_object():
    """The JSON object of the body; None if there is none."""
    if not request.is_json:
        return None
    try:
        sent = request.get_json(silent=True)
    except RecursionError:  # [[[[[…
        return None
    return sent if isinstance(sent, dict) else None


def _by_header(sent):
    if sent is not None and sent.type == "bearer" and sent.token:
        return by_token(sent.token)
    if sent is not None and sent.type == "basic" and sent.username:
        return by_password(sent.username, sent.password) if sent.password else by_token(sent.username)
    raise refused(
        "The Authorization header is neither Bearer with a token nor Basic with e-mail and password."
    )
