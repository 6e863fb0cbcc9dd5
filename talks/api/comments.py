"""Comments: read, approve, change, delete. What pages do goes through the same verbs."""

from flask import Blueprint, request, url_for
from peewee import fn

from models import Comment, Talk
from talks import comments, moderation, moderation_pages
from talks.api import deciding, identity
from talks.api.collections import choice, collection, per_page
from talks.api.deciding import DONE, at
from talks.api.errors import ApiError
from talks.api.sending import form_of, needed_object
from talks.comment_forms import BodyForm
from talks.paging import Order
from talks.spam import Refused

bp = Blueprint("comments", __name__)

NEWEST_FIRST = Order(Comment.created_at, Comment.id, descending=True)


def as_json(comment, user):
    """What `user` (None: a visitor) reads of a comment, which is whole and whose talk has its speakers."""
    author = comment.author
    shown = {
        "id": comment.id,
        "url": url_of(comment, _external=True),
        "page": url_for("comments.show", comment_id=comment.id, _external=True),
        "talk": comment.talk_id,
        "number": comment.number,
        "parent": comment.parent_id,
        "author": {"name": comment.shown_name, "username": author.username if author else None},
        "body": comment.body,
        "body_html": comment.body_html,
        "created_at": at(comment.created_at),
        "edited_at": at(comment.edited_at),
        "status": comment.status,
        "approved": comment.status == "approved",
    }
    if user and comment.talk.moderated_by(user):
        shown |= {"author_email": comment.author_email, "reported_at": at(comment.reported_at)}
    return shown


def url_of(comment, **options):
    """Its address in the version of the API that is asked."""
    return url_for(f"{request.blueprints[-1]}.comments.comment", comment_id=comment.id, **options)


def all_as_json(rows, user):
    whole = Comment.whole([row.id for row in rows])
    Talk.attach_speakers([comment.talk for comment in whole])
    return [as_json(comment, user) for comment in whole]


def found(comment_id, user):
    """A comment that `user` may read, whole. Raises ApiError."""
    comment = comments.readable(comment_id, user)
    if comment is None:
        raise ApiError(404, "There is no such comment.")
    return comment


def existing(comment_id):
    """A comment to be written to: who may not is told so, whoever may read it."""
    comment = comments.whole(comment_id)
    if comment is None:
        raise ApiError(404, "There is no such comment.")
    deciding.refuse_changed(comment, tag(comment))
    return comment


def tag(comment):
    """Changes whenever the comment does."""
    return deciding.tag(
        comment.id, comment.status, comment.decided_at, comment.edited_at, comment.reported_at
    )


def one(comment, user, status=200):
    """The answer that shows one comment."""
    return deciding.one(as_json(comment, user), tag(comment), status)


@bp.get("/comments/")
def listed():
    """Approved ones, newest first; with ?approved=false what waits for the one who asks, oldest first."""
    user = identity.asker()
    number, keep = per_page("COMMENTS_PER_PAGE"), ("approved",)

    def shape(rows):
        return all_as_json(rows, user)

    if choice("approved", missing=True, true=True, false=False):
        hidden = Talk.select(Talk.id).where(Talk.status.in_(["draft", "deleted"]))
        shown = Comment.select(Comment.id, Comment.created_at)
        shown = shown.where(Comment.status == "approved", Comment.talk.not_in(hidden))
        counts = Talk.select(fn.SUM(Talk.comment_count)).where(Talk.status == "published")
        return collection("comments", shown, NEWEST_FIRST, number, int(counts.scalar() or 0), shape, keep)
    if user is None:
        raise identity.refused("Say who you are, to see what waits for you.")
    waiting = Comment.for_moderation(user)
    return collection(
        "comments", waiting, moderation_pages.OLDEST_FIRST, number, waiting.count(), shape, keep
    )


@bp.get("/comments/<id:comment_id>")
def comment(comment_id):
    """One comment, as who asks may read it."""
    user = identity.asker()
    return one(found(comment_id, user), user).make_conditional(request)


@bp.put("/comments/<id:comment_id>")
def approve(comment_id):
    """Show a waiting comment."""
    user = identity.signed_in()
    return deciding.act_on(existing(comment_id), moderation.approve, user, "approved")


@bp.patch("/comments/<id:comment_id>")
def edit(comment_id):
    """Change the text of one's own comment, for a quarter of an hour: {"body": "…"}."""
    user = identity.signed_in()
    comment = existing(comment_id)
    if comment.author_id != user.id:
        raise ApiError(403, "Only its author can change a comment.")
    form = form_of(BodyForm, needed_object(), body=str)
    try:
        return one(comments.edit(comment, form.body.data), user)
    except Refused as refusal:
        raise ApiError(403, str(refusal)) from None


@bp.delete("/comments/<id:comment_id>")
def delete(comment_id):
    """Take a waiting comment away; with ?approved=true also one that is shown. Its author may, too."""
    user = identity.signed_in()
    comment = existing(comment_id)
    too = choice("approved", missing=False, true=True, false=False)
    own = comment.author_id == user.id and not comment.talk.moderated_by(user)
    if not own:
        deciding.decide(moderation.check, comment, user)
    if comment.status == "approved" and not too:
        raise ApiError(400, "The comment is approved: add ?approved=true to delete it nevertheless.")
    done = comments.withdraw(comment) if own else moderation.reject(comment, user)
    if not done:
        raise deciding.conflict(comment)
    return DONE


@bp.post("/comments/<id:comment_id>/spam")
def spam(comment_id):
    """Take a comment away as spam."""
    user = identity.signed_in()
    return deciding.act_on(existing(comment_id), moderation.spam, user)


@bp.post("/comments/<id:comment_id>/keep")
def keep(comment_id):
    """Leave a comment that somebody reported where it is."""
    user = identity.signed_in()
    return deciding.act_on(existing(comment_id), moderation.keep, user)


@bp.post("/comments/<id:comment_id>/undo")
def undo(comment_id):
    """Take the last decision back; with {"of": "approved"} only if that was it."""
    user = identity.signed_in()
    return deciding.undo(existing(comment_id), user)
