"""What is asked under one talk."""

from flask import Blueprint

from models import Comment, Talk
from talks import comments, networks
from talks.api import identity
from talks.api.collections import choice, collection, per_page
from talks.api.comments import all_as_json, one, url_of
from talks.api.errors import ApiError
from talks.api.sending import form_of, needed_object
from talks.comment_forms import CommentForm
from talks.spam import Refused
from talks.threads import BY_NUMBER

bp = Blueprint("talks", __name__)

STATUS = {"closed": 403, "too-many": 429}  # of a refusal, by its reason


def found(talk_id, user):
    """A talk that `user` may read, with its speakers. Raises ApiError."""
    talk = Talk.visible_to(user).where(Talk.id == talk_id).first()
    if talk is None:
        raise ApiError(404, "There is no such talk.")
    return Talk.attach_speakers([talk])[0]


@bp.get("/talks/<id:talk_id>/comments/")
def listed(talk_id):
    """The comments on a talk as who asks may read them, oldest first; ?approved= picks some of them."""
    user = identity.asker()
    talk = found(talk_id, user)
    status = choice("approved", missing=None, true="approved", false="pending")
    rows = Comment.visible_to(user).where(Comment.talk == talk)
    if status:
        rows = rows.where(Comment.status == status)
    count = talk.comment_count if user is None and status != "pending" else rows.count()
    number = per_page("COMMENTS_PER_PAGE")
    return collection(
        "comments", rows, BY_NUMBER, number, count, lambda page: all_as_json(page, user), ("approved",)
    )


@bp.post("/talks/<id:talk_id>/comments/")
def ask(talk_id):
    """Write a comment: {"body": "…", "parent": id or null, "notify": false}."""
    user = identity.signed_in()
    talk = found(talk_id, user)
    form = form_of(CommentForm, needed_object(), body=str, parent=int, notify=bool)
    try:
        comment = comments.post(talk, user, form.values(), networks.of_request())
    except Refused as refusal:
        status = STATUS.get(refusal.reason, 422)
        fields = {refusal.field or "body": [str(refusal)]} if status == 422 else None
        raise ApiError(status, str(refusal), fields) from None
    response = one(comments.whole(comment.id), user, 201)
    response.headers["Location"] = url_of(comment)
    return response
