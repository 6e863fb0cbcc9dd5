"""Who may come in, and who may write: asked once, before every request.

With ACCESS=members nobody reads without an account, apart from what leads to one. Whose address is not
confirmed reads where everybody does, and writes nowhere.
"""

from flask import abort, current_app, redirect, request, url_for
from flask_login import current_user

from talks import sessions
from talks.api import identity
from talks.api.errors import ApiError

READS = {"GET", "HEAD", "OPTIONS"}
CONFIRM = (
    "Confirm your e-mail address first: the mail that we sent you has a link. Nothing was changed. If you "
    "have typed something, go back: it is still there."
)


def guard():
    """Refuse who may not go on: before every request, after what bounds it."""
    writes = request.method not in READS
    if not (writes or members_only()) or is_open():
        return None
    if request.path.startswith("/api/"):
        return guard_api()
    if current_user.is_authenticated and current_user.may_write:
        return None
    if current_user.is_authenticated:
        if writes:
            abort(403, CONFIRM)
        return redirect(url_for("registration.waiting"), 303)
    return sessions.login_manager.unauthorized() if members_only() else None


def guard_api():
    """The same for programs, which say themselves who asks."""
    user = identity.asker()
    if user is None and members_only():
        raise identity.refused("This site is for its members: say who you are.")
    if user is not None and not user.may_write:
        raise ApiError(403, CONFIRM)


def is_open():
    """Whether this is nowhere, about the own account, or a link in a mail, which itself lets in."""
    if request.url_rule is None or request.path.startswith("/auth/"):
        return True
    return request.endpoint.endswith(".token.get_token") or "token" in request.view_args


def members_only():
    return current_app.config["ACCESS"] == "members"


def keep_among_members(response):
    """What only members read stands in no cache that answers others as well."""
    if members_only() and response.cache_control.public:
        response.cache_control.public, response.cache_control.private = None, True
    return response


def may_read():
    """Whether who asks may read what this site shows everybody, or its members."""
    return not members_only() or (current_user.is_authenticated and current_user.may_write)
