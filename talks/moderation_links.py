"""Deciding by the link in a mail: about one comment, without signing in, for a week.

The signed address is all that is asked for: who has it was sent it, or was given it by who was. So the form
there holds no token against other sites: they would have to know the address, and then could open it as well.
The address dies when the comment is decided, or when who was sent it decides about it no more. It is given to
no cache and no other site, and only the button acts, as programs that read mail follow links.
"""

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for

from models import Comment, User
from talks import moderation, moderation_pages, notifications, stamps, tokens

bp = Blueprint("moderation_links", __name__)


def read_link(token):
    """(comment, user, of): which comment, in whose name, and "" or the decision that may be undone.

    Raises TokenError for a bad or old link, NotAllowed when the user does not decide about it any more.
    """
    value = notifications.read_moderate_token(current_app.secret_key, token)
    user = User.get_or_none(User.id == value["user"])
    found = Comment.whole([value["comment"]])
    if not found or user is None:
        raise tokens.TokenInvalid
    moderation.check(found[0], user)
    return found[0], user, value.get("of", "")


def link(comment, user, of=""):
    """The token by which `user` undoes the decision that made the comment `of`."""
    value = {"comment": comment.id, "user": user.id} | ({"of": of} if of else {})
    return tokens.sign(current_app.secret_key, "moderate", value)


def waits(comment):
    return comment.status == "pending" or (comment.status == "approved" and comment.reported_at is not None)


def can_undo(comment, of):
    """Whether the decision that made the comment `of` is still the last one."""
    if of == "kept":
        return comment.status == "approved" and comment.reported_at is None
    return comment.status == of and bool(comment.was)


@bp.route("/moderate/<token>", methods=["GET", "POST"])
def by_mail(token):
    """The comment of a mail and the buttons; POST does what the button says."""
    try:
        comment, user, of = read_link(token)
    except tokens.TokenError as error:
        abort(410 if isinstance(error, tokens.TokenExpired) else 404, str(error))
    except moderation.NotAllowed:
        abort(410, "This link is not good any more: you do not decide about the questions of this talk now.")
    if request.method == "POST":
        return act_by_mail(comment, user, of)
    return page(comment, user, of)


def page(comment, user, of=""):
    """The comment and what can be done about it; or that nothing can."""
    is_alive = waits(comment) if not of else can_undo(comment, of)
    shown = render_template("moderation/by_mail.html", comment=comment, user=user, of=of, alive=is_alive)
    return shown, 200 if is_alive else 410


def act_by_mail(comment, user, of):
    if stamps.sent_by_another_site(request.headers, request.host):
        abort(400, "That form was sent by another site. Nothing was decided.")
    act = moderation_pages.ACTS.get(request.form.get("act"))
    if of:
        moderation.undo(comment, user, of)
        return redirect(url_for(".by_mail", token=link(comment, user)), 303)
    if act is None:
        abort(400)
    if not waits(comment) or not act.verb(comment, user):
        return page(Comment.whole([comment.id])[0], user)
    return redirect(url_for(".by_mail", token=link(comment, user, act.result)), 303)


@bp.after_request
def keep_private(response):
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
