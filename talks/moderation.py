"""Deciding about comments: approve, delete, spam, keep, and undoing it.

Each verb takes the comment and who decides, owns its transaction, and is False when somebody was faster.
Pages, the API and the link in a mail call them; who may decide is asked here, once for all doors.

Trust: whoever had a comment approved is trusted from then on. Taking that approval back, or calling the
comment spam, takes the trust back unless something else of theirs is approved; deleting does not, as a
comment can be out of place and its author welcome.
"""

import re
from datetime import timedelta
from typing import NamedTuple

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from markupsafe import Markup
from peewee import JOIN, fn

from models import LONG_AGO, Comment, OutboxMail, Refusal, Talk, User, database, utcnow
from talks import accounts, comments
from talks.accounts import asking
from talks.paging import Order, paginate
from talks.signals import comment_approved
from talks.wording import count

bp = Blueprint("moderation", __name__)

OLDEST_FIRST = Order(Comment.created_at, Comment.id)
PER_PAGE = 50
MOST_REPORTED = MOST_SHOWN = 50  # the next ones come up when these are decided; of what was refused or failed
MOST_AT_ONCE = 200
NUMBER = re.compile("[1-9][0-9]{0,17}")
REFUSED = ("rejected", "spam")  # by those who decide; what its author took back is "deleted"


CHANGED = "Nothing was decided: its author changed the comment since you saw it. This is what it says now."


class NotAllowed(Exception):
    """Who asks does not decide about this comment; the message is fit to be shown."""

    def __init__(self):
        super().__init__("Only the speakers of this talk and administrators decide about its questions.")


def approve(comment, by):
    """Show a comment, and trust its author from now on. False if it is shown already, or taken back."""
    return _move(comment, by, "pending", *REFUSED, to="approved")


def reject(comment, by):
    """Take a comment away. False if it is away already."""
    return _move(comment, by, "pending", "approved", to="rejected")


def spam(comment, by):
    """Take a comment away as spam. False if it is away as spam already, or taken back."""
    return _move(comment, by, "pending", "approved", "rejected", to="spam")


def keep(comment, by):
    """Leave a reported comment where it is. False if it does not wait for that."""
    check(comment, by)
    return comment.mark_reported(False)


def undo(comment, by, of=""):
    """Take the last decision back. False if there is none, or not the one that made the comment `of`.

    `of` is "kept" or a status; "" is whatever was decided last.
    """
    check(comment, by)
    if of == "kept":
        return comment.mark_reported(True)
    with database.atomic():
        now = Comment.get_by_id(comment.id)
        before = now.status
        if before not in ("approved", *REFUSED) or of not in ("", before) or not now.move_back():
            return False
        comment.__data__.update(now.__data__)
        _follow(comment, before)
        if before == "approved":
            _trust_no_more(comment)
    return True


def check(comment, by):
    """Raise NotAllowed unless `by` decides about the comment."""
    if comment.talk.speakers is None:
        Talk.attach_speakers([comment.talk])
    if not comment.talk.moderated_by(by):
        raise NotAllowed


def _move(comment, by, *from_statuses, to):
    check(comment, by)
    with database.atomic():
        if not comment.move(*from_statuses, to=to):
            return False
        _follow(comment, comment.was)
        if to == "spam" and comment.was == "approved":
            _trust_no_more(comment)
    if to == "approved":
        comment_approved.send(comment)
    return True


def _follow(comment, before):
    comments.follow_up(comment, before)
    if comment.status == "approved":
        User.update(is_trusted=True).where(User.id == comment.author_id).execute()


def _trust_no_more(comment):
    """Trust the author no more, unless something else of theirs is approved."""
    others = Comment.select().where(Comment.author == comment.author_id, Comment.status == "approved")
    if comment.author_id and not others.exists():
        User.update(is_trusted=False).where(User.id == comment.author_id).execute()


# What people do


class Act(NamedTuple):
    """What a button does: its verb, what it makes of a comment, and how that is said."""

    verb: object
    result: str
    said: str


ACTS = {
    "approve": Act(approve, "approved", "Approved"),
    "delete": Act(reject, "rejected", "Deleted"),
    "spam": Act(spam, "spam", "Marked as spam"),
    "keep": Act(keep, "kept", "Kept as it is"),
}
BY_RESULT = {act.result: act for act in ACTS.values()}


def seen(comment_id):
    """The comment of that id, if the one who asks may read it; 404 for any other."""
    return comments.readable(comment_id, asking()) or abort(404)


def decide(comment_id, name):
    """Do the act of that name, say what happened, and go back to where the button stood."""
    act, comment = ACTS[name], seen(comment_id)
    try:
        check(comment, asking())
    except NotAllowed as refusal:
        abort(403, str(refusal))
    if not is_as_shown(comment, request.form.get("edited_at")):
        flash(CHANGED, "warning")
    elif act.verb(comment, asking()):
        say(f"{act.said}: the comment by {comment.shown_name}.", [comment_id], act.result)
    else:
        flash(f"Nothing changed: {state_of(comment_id)}", "info")
    return go_back()


def is_as_shown(comment, edited_at):
    """Whether it has the text still that was looked at: `edited_at` as the form held it, None in none."""
    return edited_at in (None, comment.edition)


def say(said, ids, of):
    """Say what was decided about these comments, with a button that undoes it."""
    page = render_template("moderation/_said.html", said=said, ids=ids, of=of, next=request.form.get("next"))
    flash(Markup(page), "success")


def state_of(comment_id):
    """What became of a comment, in a sentence."""
    status = Comment.get_by_id(comment_id).status
    return {
        "pending": "the comment waits.",
        "approved": "the comment stands under its talk.",
        "rejected": "the comment is deleted.",
        "spam": "the comment is marked as spam.",
        "deleted": "its author took the comment back.",
    }[status]


def go_back():
    return redirect(accounts.safe_next(request.form.get("next") or url_for("moderation.queue")), 303)


@bp.post("/comment/<id:comment_id>/approve")
@login_required
def approve_one(comment_id):
    return decide(comment_id, "approve")


@bp.post("/comment/<id:comment_id>/spam")
@login_required
def spam_one(comment_id):
    return decide(comment_id, "spam")


@bp.post("/comment/<id:comment_id>/keep")
@login_required
def keep_one(comment_id):
    return decide(comment_id, "keep")


@bp.post("/comment/<id:comment_id>/undo")
@login_required
def undo_one(comment_id):
    """Take a decision back: the last one, or with `of` only that which made the comment so."""
    comment = seen(comment_id)
    try:
        done = undo(comment, asking(), request.form.get("of", ""))
    except NotAllowed as refusal:
        abort(403, str(refusal))
    if done:
        flash(f"Undone: {state_of(comment_id)}", "success")
    else:
        flash("Nothing to undo: somebody decided anew since.", "info")
    return go_back()


@bp.post("/moderate/bulk")
@login_required
def bulk():
    """Decide alike about several comments, or undo that: `ids`, and `act` or `undo`."""
    found, of = chosen(), request.form.get("undo")
    act = ACTS.get(request.form.get("act"))
    if not (act or of in BY_RESULT):
        abort(400)
    same = [each for each in found if is_as_shown(each, request.form.get(f"edited_at-{each.id}"))]
    done = [each.id for each in same if (undo(each, asking(), of) if of else act.verb(each, asking()))]
    counted = count(len(done), "comment")
    if not found:
        flash("Choose comments first, by the boxes beside them.", "info")
    elif of:
        flash(f"Undone for {counted}.", "success")
    else:
        changed, late = len(found) - len(same), len(same) - len(done)
        said = f"{act.said}: {counted}." + (f" {late} had been decided before." if late else "")
        said += f" {changed} changed since you looked: look again." if changed else ""
        say(said, done, act.result)
    return go_back()


def chosen():
    """The comments whose `ids` were sent, if the one who asks decides about all of them."""
    numbers = ",".join(request.form.getlist("ids")).split(",", MOST_AT_ONCE)[:MOST_AT_ONCE]
    found = Comment.whole(dict.fromkeys(int(number) for number in numbers if NUMBER.fullmatch(number)))
    Talk.attach_speakers([comment.talk for comment in found])
    try:
        for comment in found:
            check(comment, asking())
    except NotAllowed as refusal:
        abort(403, str(refusal))
    return found


@bp.get("/moderate")
@login_required
def queue():
    """What waits under one's own talks, oldest first."""
    return render_template("moderation/queue.html", **waiting(own=True))


@bp.get("/moderate-admin")
@login_required
def everything():
    """What waits anywhere, and what was refused or failed."""
    if not current_user.is_admin:
        abort(403, "Only administrators see what waits under everybody's talks.")
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
    """What the page of a queue shows: a page of what is undecided, and before it what was reported."""
    page = paginate(Comment.for_moderation(asking(), own=own), OLDEST_FIRST, request.args, PER_PAGE)
    reported = []
    if not page.previous:
        marked = Comment.for_moderation(asking(), reported=True, own=own)
        reported = list(marked.order_by(Comment.reported_at, Comment.id).limit(MOST_REPORTED))
    whole = Comment.whole([row.id for row in (*reported, *page.items)])
    return {"page": page, "comments": whole}
