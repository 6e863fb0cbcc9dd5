"""Entries of the journal: read, write, change, delete, decide."""

from flask import Blueprint, request, url_for

from models import Entry
from talks import journal, journal_pages, moderation, networks
from talks.api import deciding, identity
from talks.api.collections import choice, collection, per_page
from talks.api.deciding import DONE, act_on, at
from talks.api.errors import ApiError
from talks.api.sending import form_of, needed_object
from talks.journal_forms import EntryForm
from talks.mentions import Mention
from talks.paging import Order

bp = Blueprint("entries", __name__)

OLDEST_FIRST = Order(Entry.created_at, Entry.id)
STATUS = {"too-many": 429, "unconfirmed": 403, "gone": 409}  # of a refusal, by its reason; else 422


def as_json(entry):
    """What everybody reads of an entry who may read it; it has its author and talk."""
    author = entry.author
    return {
        "id": entry.id,
        "url": url_of(entry, _external=True),
        "page": url_for("journal.entry", entry_id=entry.id, _external=True),
        "author": {"name": entry.shown_name, "username": author.username if author else None},
        "title": entry.title,
        "body": entry.body,
        "body_html": entry.body_html,
        "created_at": at(entry.created_at),
        "edited_at": at(entry.edited_at),
        "status": entry.status,
        "approved": entry.status == "approved",
        "talk": entry.talk_id,
        "talk_status": entry.talk_status or None,
    }


def url_of(entry, **options):
    """Its address in the version of the API that is asked."""
    return url_for(f"{request.blueprints[-1]}.entries.entry", entry_id=entry.id, **options)


def tag(entry):
    """Changes whenever the entry does."""
    return deciding.tag(
        entry.id, entry.status, entry.decided_at, entry.edited_at, entry.talk_id, entry.talk_status
    )


def one(entry, status=200):
    """The answer that shows one entry."""
    return deciding.one(as_json(entry), tag(entry), status)


def found(entry_id, user):
    """An entry that `user` may read. Raises ApiError."""
    entry = Entry.visible_to(user).where(Entry.id == entry_id).first()
    if entry is None:
        raise ApiError(404, "There is no such entry.")
    return entry


def existing(entry_id, user):
    """An entry that `user` may read, to be written to. Raises ApiError."""
    entry = found(entry_id, user)
    deciding.refuse_changed(entry, tag(entry))
    return entry


def named(entry_id, user):
    """Whether an entry that `user` may read shows under its talk: to be decided. Raises ApiError."""
    if existing(entry_id, user).talk is None:
        raise ApiError(404, "That entry names no talk.")
    return Mention.whole([entry_id])[0]


@bp.get("/entries/")
def listed():
    """Approved ones, newest first; with ?approved=false what waits for an administrator who asks."""
    user = identity.asker()
    if choice("approved", missing=True, true=True, false=False):
        rows, order = Entry.rows().where(Entry.status == "approved"), journal_pages.NEWEST_FIRST
        count = Entry.select().where(Entry.status == "approved").count()
    else:
        if user is None:
            raise identity.refused("Say who you are, to see what waits for you.")
        waiting = Entry.for_moderation(user)
        rows, order, count = (
            Entry.rows().where(Entry.id.in_(waiting.select(Entry.id))),
            OLDEST_FIRST,
            waiting.count(),
        )
    number = per_page("TALKS_PER_PAGE")
    return collection(
        "entries", rows, order, number, count, lambda page: [*map(as_json, page)], ("approved",)
    )


@bp.post("/entries/")
def write():
    """Write an entry: {"title": "…", "body": "…", "talk": id or null}."""
    user = identity.signed_in()
    form = form_of(EntryForm, needed_object(), title=str, body=str, talk=int)
    entry = attempted(journal.write, user, form.values(), networks.of_request())
    response = one(Entry.whole([entry.id])[0], 201)
    response.headers["Location"] = url_of(entry)
    return response


def attempted(verb, *arguments):
    """What a verb of the journal gives. Raises ApiError."""
    try:
        return verb(*arguments)
    except journal.Refused as refusal:
        status = STATUS.get(refusal.reason, 422)
        fields = {refusal.field: [str(refusal)]} if refusal.field else None
        raise ApiError(status, str(refusal), fields) from None


@bp.get("/entries/<id:entry_id>")
def entry(entry_id):
    """One entry, as who asks may read it."""
    return one(found(entry_id, identity.asker())).make_conditional(request)


@bp.put("/entries/<id:entry_id>")
def edit(entry_id):
    """Change one's own entry: all of {"title": "…", "body": "…", "talk": id or null}."""
    user = identity.signed_in()
    entry = existing(entry_id, user)
    if not entry.written_by(user):
        raise ApiError(403, "Only its author can change an entry.")
    form = form_of(
        lambda **given: EntryForm(entry.talk, **given), needed_object(), title=str, body=str, talk=int
    )
    return one(attempted(journal.edit, entry, form.values(), user))


@bp.delete("/entries/<id:entry_id>")
def delete(entry_id):
    """Delete one's own entry; administrators take away those of others."""
    user = identity.signed_in()
    entry = existing(entry_id, user)
    if not entry.written_by(user):
        return act_on(entry, moderation.reject, user)
    if not journal.withdraw(entry):
        raise deciding.conflict(entry)
    return DONE


@bp.post("/entries/<id:entry_id>/approve")
def approve(entry_id):
    """Show a waiting entry."""
    user = identity.signed_in()
    return act_on(existing(entry_id, user), moderation.approve, user)


@bp.post("/entries/<id:entry_id>/spam")
def spam(entry_id):
    """Take an entry away as spam."""
    user = identity.signed_in()
    return act_on(existing(entry_id, user), moderation.spam, user)


@bp.post("/entries/<id:entry_id>/undo")
def undo(entry_id):
    """Take the last decision back; with {"of": "approved"} only if that was it."""
    user = identity.signed_in()
    return deciding.undo(existing(entry_id, user), user)


@bp.put("/entries/<id:entry_id>/talk")
def mention(entry_id):
    """Show an entry under the talk that it names."""
    user = identity.signed_in()
    return act_on(named(entry_id, user), moderation.approve, user)


@bp.delete("/entries/<id:entry_id>/talk")
def forget(entry_id):
    """Do not show an entry under the talk that it names."""
    user = identity.signed_in()
    return act_on(named(entry_id, user), moderation.reject, user)


@bp.post("/entries/<id:entry_id>/talk/undo")
def undo_mention(entry_id):
    """Take back the last decision whether an entry shows under its talk."""
    user = identity.signed_in()
    return deciding.undo(named(entry_id, user), user)
