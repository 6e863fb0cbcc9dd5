"""The JSON API 1.0: one module for each resource, and one blueprint that holds them all."""

from flask import Blueprint, request

from talks.api import comments, entries, talks, token
from talks.api.errors import ApiError, answer

RESOURCES = (token, talks, comments, entries)

bp = Blueprint("api", __name__)
for resource in RESOURCES:
    bp.register_blueprint(resource.bp)
bp.register_error_handler(ApiError, answer)


@bp.before_request
def speak_json():
    """There is nothing here for who takes no JSON."""
    if request.accept_mimetypes and not request.accept_mimetypes["application/json"]:
        raise ApiError(406, "This is a JSON API: accept application/json.")


@bp.after_request
def keep_private(response):
    """What is read here depends on who asks: no cache keeps it."""
    response.headers.setdefault("Cache-Control", "no-store")
    response.vary.add("Authorization")
    return response
