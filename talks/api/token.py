"""Tokens: an hour of being somebody without sending the password again."""

from flask import Blueprint, current_app, request

from talks import accounts
from talks.api import identity

bp = Blueprint("token", __name__)


@bp.get("/token")
def get_token():
    """A token for who sends e-mail and password. A token cannot get a token."""
    sent = request.authorization
    if sent is None or sent.type != "basic" or not (sent.username and sent.password):
        raise identity.refused("Send your e-mail and password by HTTP Basic; a token cannot get a token.")
    user = identity.by_password(sent.username, sent.password)
    return {
        "token": accounts.issue_api_token(current_app.secret_key, user),
        "expiration": accounts.API_SECONDS,
    }
