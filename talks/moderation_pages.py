"""The queues of what waits, and the buttons that decide: beside each, under a talk, for several at once."""

import re
from datetime import timedelta
from typing import NamedTuple

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import login_required
from markupsafe import Markup
from peewee import JOIN, fn

from models import LONG_AGO, Comment, Entry, OutboxMail, Refusal, Talk, utcnow
from talks import accounts, moderation
from talks.accounts import administrators_only, asking
from talks.mentions import Mention
from talks.moderation import KINDS, NotAllowed, state_of
from talks.paging import Order, paginate
from talks.wording import count

bp = Blueprint("moderation", __name__)

OLDEST_FIRST = Order(Comment.created_at, Comment.id)
PER_PAGE = 50
# Before the first page: the next ones come up when these are decided. And of what was refused or failed.
MOST_REPORTED = MOST_ENTRIES = MOST_SHOWN = 50
MOST_AT_ONCE = 200
KEY = re.compile("(?:(entry|mention)-)?([1-9][0-9]{0,17})")


class Act(NamedTuple):
    """What a button does: its verb, what it makes of something, and how that is said."""

    verb: object
    result: str
    said: str


ACTS = {
    "approve": Act(moderation.approve, "approved", "Approved"),
    "delete": Act(moderation.reject, "rejected", "Deleted"),
    "spam": Act(moderation.spam, "spam", "Marked as spam"),
    "keep": Act(moderation.keep, "kept", "Kept as it is"),
}
BY_RESULT = {act.result: act for act in ACTS.values()}
CHANGED = "Nothing was decided: its author changed the {thing} since you saw it. This is what it says now."
OF_MENTION = {"approve": "Shown under the talk", "delete": "Not shown under the talk"}


def seen(model, id_):
    """The comment, entry or mention of that id, whole, if the one who asks may read it; 404 for any other."""
    read = Comment if model is Comment else Entry  # a mention is read where its entry is
    if not read.visible_to(asking()).where(read.id == id_).exists():
        abort(404)
    return model.whole([id_])[0]


def decide(thing, name):
    """Do the act of that name, say what happened, and go back to where the button stood."""
    act = ACTS[name]
    try:
        moderation.check(thing, asking())
    except NotAllowed as refusal:
        abort(403, str(refusal))
    if not is_as_shown(thing, request.form.get("edited_at")):
        flash(CHANGED.format(thing="comment" if thing.KIND == "comment" else "entry"), "warning")
    elif act.verb(thing, asking()):
        said = OF_MENTION[name] if thing.KIND == "mention" else act.said
        say(f"{said}: {named(thing)}.", [thing], act.result)
    else:
        flash(f"Nothing changed: {state_of(thing)}", "info")
    return go_back()


def is_as_shown(thing, edited_at):
    """Whether it has the text still that was looked at: `edited_at` as the form held it, None in none."""
    return edited_at in (None, thing.edition)


def take_back(thing):
    """Undo the last decision, or with `of` only that which made it so."""
    try:
        done = moderation.undo(thing, asking(), request.form.get("of", ""))
    except NotAllowed as refusal:
        abort(403, str(refusal))
    if done:
        flash(f"Undone: {state_of(thing)}", "success")
    else:
        flash("Nothing to undo: somebody decided anew since.", "info")
    return go_back()


def named(thing):
    return f"the comment by {thing.shown_name}" if thing.KIND == "comment" else f"“{thing.title}”"


def key_of(thing):
    """How a form names it among others: 3 is a comment, entry-3 an entry, mention-3 where that one shows."""
    return str(thing.id) if thing.KIND == "comment" else f"{thing.KIND}-{thing.id}"


def say(said, things, of):
    """Say what was decided about these, with a button that undoes it."""
    page = render_template(
        "moderation/_said.html", said=said, keys=",".join(map(key_of, things)), of=of,
        only=things[0] if len(things) == 1 else None, next=request.form.get("next"),
    )  # fmt: skip
    flash(Markup(page), "success")


def go_back():
    return redirect(accounts.safe_next(request.form.get("next") or url_for("moderation.queue")), 303)


@bp.post("/comment/<id:comment_id>/approve")
@login_required
def approve_one(comment_id):
    return decide(seen(Comment, comment_id), "approve")


@bp.post("/comment/<id:comment_id>/spam")
@login_required
def spam_one(comment_id):
    return decide(seen(Comment, comment_id), "spam")


@bp.post("/comment/<id:comment_id>/keep")
@login_required
def keep_one(comment_id):
    return decide(seen(Comment, comment_id), "keep")


@bp.post("/comment/<id:comment_id>/undo")
@login_required
def undo_one(comment_id):
    """Take a decision back: the last one, or with `of` only that which made the comment so."""
    return take_back(seen(Comment, comment_id))


@bp.post("/journal/<id:entry_id>/<any(approve,spam,undo):act>")
@login_required
def entry(entry_id, act):
    """Decide about an entry, or take that back; deleting is among the pages of the journal."""
    found = seen(Entry, entry_id)
    return take_back(found) if act == "undo" else decide(found, act)


@bp.post("/journal/<id:entry_id>/talk/<any(approve,delete,undo):act>")
@login_required
def mention(entry_id, act):
    """Show an entry under the talk that it names, or do not, or take that back."""
    found = seen(Mention, entry_id)
    if found.talk is None:
        abort(404)
    return take_back(found) if act == "undo" else decide(found, act)


@bp.post("/moderate/bulk")
@login_required
def bulk():
    """Decide alike about several of any kind, or undo that: `ids`, and `act` or `undo`."""
    of, name = request.form.get("undo"), request.form.get("act")
    if not (name in ACTS or of in BY_RESULT):
        abort(400)
    things = [thing for thing in chosen() if of or is_possible(name, thing)]
    act = ACTS.get(name)
    same = [thing for thing in things if is_as_shown(thing, request.form.get(f"edited_at-{key_of(thing)}"))]
    done = [
        thing for thing in same if (moderation.undo(thing, asking(), of) if of else act.verb(thing, asking()))
    ]
    if not things:
        flash("Choose what to decide about first, by the boxes beside each.", "info")
    elif of:
        flash(f"Undone for {counted(done)}.", "success")
    else:
        changed, late = len(things) - len(same), len(same) - len(done)
        said = f"{act.said}: {counted(done)}." + (f" {late} had been decided before." if late else "")
        said += f" {changed} changed since you looked: look again." if changed else ""
        say(said, done, act.result)
    return go_back()


def is_possible(name, thing):
    """Whether there is such an act for that kind of thing: who decides about a talk calls no entry spam."""
    return (
        name in {"comment": ACTS, "entry": ("approve", "delete", "spam"), "mention": OF_MENTION}[thing.KIND]
    )


def counted(things):
    """“2 comments”, “1 entry”, “1 comment and 2 entries”."""
    comments = sum(thing.KIND == "comment" for thing in things)
    entries = len(things) - comments
    said = [count(comments, "comment")] if comments or not entries else []
    if entries:
        said.append(count(entries, "entry"))
    return " and ".join(said)


def chosen():
    """What the `ids` that were sent name, if the one who asks decides about all of it."""
    keys = ",".join(request.form.getlist("ids")).split(",", MOST_AT_ONCE)[:MOST_AT_ONCE]
    named = dict.fromkeys(found.groups("comment") for found in map(KEY.fullmatch, keys) if found)
    things = [
        thing
        for kind, model in KINDS.items()
        for thing in model.whole([int(number) for found, number in named if found == kind])
    ]
    Talk.attach_speakers([thing.talk for thing in things if thing.KIND != "entry" and thing.talk])
    try:
        for thing in things:
            moderation.check(thing, asking())
    except NotAllowed as refusal:
        abort(403, str(refusal))
    return things


@bp.get("/moderate")
@login_required
def queue():
    """What waits under one's own talks, oldest first."""
    return render_template("moderation/queue.html", **waiting(own=True))


@bp.get("/moderate-admin")
@administrators_only("Only administrators see what waits under everybody's talks.")
def everything():
    """What waits anywhere, and what was refused or failed."""
    since = utcnow() - timedelta(days=1)
    refused = Refusal.select(Refusal, Talk.id, Talk.title).join(Talk, JOIN.LEFT_OUTER)
    reasons = Refusal.select(Refusal.reason, fn.SUM(Refusal.times)).where(Refusal.at > since)
    failed = OutboxMail.select(OutboxMail, Talk.id, Talk.title).join(Talk, JOIN.LEFT_OUTER)
    failed = failed.where(OutboxMail.failed_at > LONG_AGO).order_by(OutboxMail.failed_at.desc())
    return render_template(
        "moderation/everything.html", **waiting(own=False),
        reasons=list(reasons.group_by(Refusal.reason).order_by(Refusal.reason).tuples()),
        refused=list(refused.order_by(Refusal.at.desc(), Refusal.id.desc()).limit(MOST_SHOWN)),
        failed=list(failed.limit(MOST_SHOWN)),
    )  # fmt: skip


def waiting(own):
    """What the page of a queue shows: a page of comments; before the first, what was reported and entries."""
    page = paginate(Comment.for_moderation(asking(), own=own), OLDEST_FIRST, request.args, PER_PAGE)
    reported, entries = [], []
    if not page.previous:
        marked = Comment.for_moderation(asking(), reported=True, own=own)
        reported = list(marked.order_by(Comment.reported_at, Comment.id).limit(MOST_REPORTED))
        entries = waiting_entries(own)
    whole = Comment.whole([row.id for row in (*reported, *page.items)])
    marked = {row.id for row in reported}
    on_top = [comment for comment in whole if comment.id in marked]
    return {"page": page, "things": on_top + entries + [each for each in whole if each.id not in marked]}


def waiting_entries(own):
    """Entries and mentions that wait for the one who asks, oldest first of each."""
    found = []
    for model in (Mention,) if own else (Entry, Mention):
        rows = model.for_moderation(asking(), own).order_by(model.created_at, model.id)
        found += model.whole([row.id for row in rows.limit(MOST_ENTRIES)])
    return found
