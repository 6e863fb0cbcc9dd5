"""What was done, by whom, to what: a row for each act of moderation, administration and account security.

Verbs call `record` within their transaction, so that an act and its row are both there or neither is. Rows
are added and after a year purged, never changed.
"""

from datetime import date, datetime

from flask import has_request_context, request
from flask_login import current_user

from models import AuditEvent, BaseModel
from talks import networks

LONGEST = 500  # characters of one detail
SECRETS = ("password", "token", "secret", "hash", "digest", "cookie", "recovery")  # in the name of a detail
NOT_KEPT = "(not kept)"
NAMES = ("title", "username", "name")  # the first that a row has is what people call it


def record(action, thing, by=None, **details):
    """Note that `action` ("comment.approve") was done to the row `thing`; None: to the site itself.

    Call it in the transaction of the act. `by` is who did it; None is who is signed in, else a visitor or a
    command. From which network, and by which door, is taken from the request. `details` say what changed:
    plain values, of which long ones are cut and those named like a secret not kept.
    """
    actor = by or signed_in()
    return AuditEvent.create(
        action=action, details=plain(details), actor=actor, actor_name=actor.username if actor else "",
        object_kind=type(thing)._meta.table_name if thing else "site", object_id=thing and thing.id,
        object_name=called(thing), door=door(),
        network=networks.of_request() if has_request_context() else "",
    )  # fmt: skip


def signed_in():
    """Who is signed in to the pages; None for a visitor, in the API and in a command."""
    if has_request_context() and current_user.is_authenticated:
        return current_user._get_current_object()
    return None


def door():
    """Through which door the act came in: page, api, mail, panel or command."""
    if not has_request_context():
        return "command"
    if request.path.startswith("/api/"):
        return "api"
    if request.path.startswith("/admin/"):
        return "panel"
    # A signed address; that of the first administrator is the only one that no mail has brought.
    mailed = "token" in (request.view_args or {}) and request.endpoint != "accounts.setup"
    return "mail" if mailed else "page"


def called(thing):
    """What people call a row; a comment and the like are called as the talk they belong to."""
    name = next((getattr(thing, name) for name in NAMES if hasattr(thing, name)), None)
    if name is None and getattr(thing, "talk", None):
        name = thing.talk.title
    return (name or "")[: AuditEvent.object_name.max_length]


def plain(value, name=""):
    """`value` as JSON can hold it, without what the name of a detail calls a secret."""
    if any(secret in str(name).lower() for secret in SECRETS):
        return NOT_KEPT
    if isinstance(value, dict):
        return {str(key): plain(inner, key) for key, inner in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, date | datetime):
        return value.isoformat()
    text = str(value.id if isinstance(value, BaseModel) else value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
