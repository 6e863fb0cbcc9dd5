"""What comments and entries share: their times and versions, and deciding about them."""

import hashlib

from flask import jsonify, request

from talks import moderation, moderation_pages
from talks.api import identity
from talks.api.errors import ApiError

DONE = {"status": "ok"}


def at(moment):
    """RFC 3339, in UTC."""
    return moment and moment.isoformat().replace("+00:00", "Z")


def tag(*facts):
    """Changes whenever one of the facts does."""
    return hashlib.sha256(repr(tuple(map(str, facts))).encode()).hexdigest()[:16]


def one(shown, tag, status=200):
    """The answer that shows one thing as JSON."""
    response = jsonify(shown)
    response.set_etag(tag)
    response.status_code = status
    return response


def refuse_changed(thing, tag):
    """Raise ApiError if the client acts on an earlier version than that of `tag`, or on another text."""
    what = "comment" if thing.KIND == "comment" else "entry"
    if request.if_match and tag not in request.if_match:
        raise ApiError(412, f"The {what} was changed since you read it. Read it again.")
    sent = identity.json_object() or {}
    if "edited_at" in sent and sent["edited_at"] not in (thing.edition, thing.edition or None):
        raise ApiError(409, f"Its author changed the {what} since you read it. Read it again.")


def decide(act, thing, user, *more):
    """Do a verb of moderation; False when nothing changed. Raises ApiError."""
    try:
        return act(thing, user, *more)
    except moderation.NotAllowed as refusal:
        raise ApiError(403, str(refusal)) from None


def act_on(thing, verb, user, *unless):
    """Do a verb of moderation, and answer. Raises ApiError: see `conflict`."""
    if not decide(verb, thing, user):
        raise conflict(thing, *unless)
    return DONE


def conflict(thing, *unless):
    """Why nothing was decided. What is in one of the statuses `unless` is a bad request."""
    status = type(thing).get_by_id(thing.id).status
    return ApiError(400 if status in unless else 409, f"Nothing changed: {moderation.state_of(thing)}")


def undo(thing, user):
    """Take the last decision back; with {"of": "approved"} only if that was it."""
    of = (identity.json_object() or {}).get("of", "")
    if of not in ("", *moderation_pages.BY_RESULT):
        known = ", ".join(moderation_pages.BY_RESULT)
        raise ApiError(422, "Nothing was undone.", {"of": [f"Use one of: {known}."]})
    if not decide(moderation.undo, thing, user, of):
        raise ApiError(409, "Nothing to undo: somebody decided anew since.")
    return DONE
