"""Deciding about what people write: approve, delete, spam, keep, and undoing it.

What is decided about is a comment, an entry of the journal, or whether an entry shows under a talk (a
mention). Each verb takes it and who decides, owns its transaction, and is False when somebody was faster.
Pages, the API and the link in a mail call them; who may decide is asked here, once for all doors.

Trust: whoever had a comment or an entry approved is trusted from then on. Taking that approval back, or
calling it spam, takes the trust back unless something else of theirs is approved; deleting does not, as a
comment can be out of place and its author welcome.
"""

from functools import partial

from peewee import SQL, Select, fn

from models import Comment, Entry, User, database
from talks import audit, comments
from talks.mentions import Mention
from talks.signals import comment_approved, entry_published

KINDS = {model.KIND: model for model in (Comment, Entry, Mention)}
REFUSED = ("rejected", "spam")  # by those who decide; what its author took back is "deleted"
FROM = {  # what somebody can make it, and of what
    "approved": ("pending", *REFUSED),
    "rejected": ("pending", "approved"),
    "spam": ("pending", "approved", "rejected"),
}
DONE = {"approved": "approve", "rejected": "delete", "spam": "spam"}  # what was done to make it so
WHO = {
    "comment": "Only the speakers of this talk and administrators decide about its questions.",
    "entry": "Only administrators decide about entries of the journal.",
    "mention": "Only the speakers of this talk and administrators decide what shows under it.",
}
STATES = {
    "comment": {
        "pending": "the comment waits.",
        "approved": "the comment stands under its talk.",
        "rejected": "the comment is deleted.",
        "spam": "the comment is marked as spam.",
        "deleted": "its author took the comment back.",
    },
    "entry": {
        "pending": "the entry waits.",
        "approved": "the entry stands in the journal.",
        "rejected": "the entry is deleted.",
        "spam": "the entry is marked as spam.",
        "deleted": "its author deleted the entry.",
    },
    "mention": {
        "pending": "the entry waits to be shown under the talk.",
        "approved": "the entry shows under the talk.",
        "rejected": "the entry does not show under the talk.",
        "": "the entry names no talk any more.",
    },
}
MOST_COUNTED = 100


class NotAllowed(Exception):
    """Who asks does not decide about this; the message is fit to be shown."""


def approve(thing, by):
    """Show it, and trust its author from now on. False if it is shown already, or taken back."""
    return _move(thing, by, "approved")


def reject(thing, by):
    """Take it away. False if it is away already."""
    return _move(thing, by, "rejected")


def spam(thing, by):
    """Take it away as spam. False if it is away as spam already, or taken back."""
    return _move(thing, by, "spam")


def keep(comment, by):
    """Leave a reported comment where it is. False if it does not wait for that."""
    return _mark(comment, by, reported=False)


def undo(thing, by, of=""):
    """Take the last decision back. False if there is none, or not the one that made it `of`.

    `of` is "kept" or a status; "" is whatever was decided last.
    """
    if of == "kept":
        return _mark(thing, by, reported=True)
    check(thing, by)
    with database.atomic():
        now = type(thing).get_by_id(thing.id)
        before = now.status
        if before not in DONE or of not in ("", before) or not now.move_back():
            return False
        thing.__data__.update(now.__data__)
        _follow(thing, before)
        if before == "approved":
            _trust_no_more(thing)
        audit.record(f"{thing.KIND}.undo", thing, by=by, undone=DONE[before], status=thing.status)
    return True


def check(thing, by):
    """Raise NotAllowed unless `by` decides about it."""
    if not thing.decided_by(by):
        raise NotAllowed(WHO[thing.KIND])


def state_of(thing):
    """What became of it, in a sentence."""
    return STATES[thing.KIND][type(thing).get_by_id(thing.id).status]


def count_waiting(user, most=MOST_COUNTED):
    """How much waits for `user`; not counted beyond `most`, which is enough to say "many"."""
    found = [model.for_moderation(user) for model in KINDS.values()]
    found.append(Comment.for_moderation(user, reported=True))
    counts = [Select([each.limit(most).alias("waiting")], [fn.COUNT(SQL("*"))]) for each in found]
    return min(sum(Select([], counts).bind(database).tuples()[0]), most)


def _move(thing, by, to):
    check(thing, by)
    with database.atomic():
        if not thing.move(*FROM[to], to=to):
            return False
        _follow(thing, thing.was)
        if to == "spam" and thing.was == "approved":
            _trust_no_more(thing)
        audit.record(f"{thing.KIND}.{DONE[to]}", thing, by=by, was=thing.was)
    if to == "approved":
        announce(thing)
    return True


def _mark(comment, by, reported):
    check(comment, by)
    with database.atomic():
        if comment.KIND != "comment" or not comment.mark_reported(reported):
            return False
        audit.record("comment.undo" if reported else "comment.keep", comment, by=by)
    return True


def announce(thing):
    """Tell other code that everybody can read it now: when that is committed."""
    signal = {"comment": comment_approved, "entry": entry_published}.get(thing.KIND)
    if signal:
        database.after_commit(partial(signal.send, thing))


def _follow(thing, before):
    """What has to be so when something is not `before` any more: trust, and for a comment count and mail."""
    if thing.status == "approved" and thing.KIND != "mention":
        User.update(is_trusted=True).where(User.id == thing.author_id).execute()
    if thing.KIND == "comment":
        comments.follow_up(thing, before)


def _trust_no_more(thing):
    """Trust the author no more, unless something else of theirs is approved."""
    if thing.KIND == "mention" or thing.author_id is None:
        return
    for model in (Comment, Entry):
        if model.select().where(model.author == thing.author_id, model.status == "approved").exists():
            return
    User.update(is_trusted=False).where(User.id == thing.author_id).execute()
