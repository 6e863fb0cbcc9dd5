"""Deciding by the link in a mail: about one comment, without signing in, for a week.

The signed address is all that is asked for: who has it was sent it, or was given it by who was. So the form
there holds no token against other sites: they would have to know the address, and then could open it as well.
The address dies when the comment is decided, or when who was sent it decides about it no more. It is given to
no cache and no other site, and only the button acts, as programs that read mail follow links.
"""

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for

from models import User
from talks import comments, moderation, moderation_pages, notifications, stamps, tokens

bp = Blueprint("moderation_links", __name__)


def read_link(token):
    """(comment, user, of): which comment, in whose name, and "" or the decision that may be undone.

    Raises TokenError for a bad or old link, NotAllowed when the user does not decide about it any more.
    """
    value = notifications.read_moderate_token(current_app.secret_key, token)
    user = User.get_or_none(User.id == value["user"])
    comment = comments.whole(value["comment"])
    if comment is None or user is None:
        raise tokens.TokenInvalid
    moderation.check(comment, user)
    return comment, user, value["of"]


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
        abort(error.status, str(error))
    except moderation.NotAllowed:
        abort(410, "This link is not good any more: you do not decide about the questions of this talk now.")
    if request.method == "POST":
        return act_by_mail(comment, user, of)
    return page(comment, user, of)


def page(comment, user, of="", changed=False):
    """The comment and what can be done about it; or that nothing can, or was as it `changed` meanwhile."""
    is_alive = can_undo(comment, of) if of else comment.is_waiting
    shown = render_template(
        "moderation/by_mail.html", comment=comment, user=user, of=of, alive=is_alive, changed=changed
    )
    return shown, 410 if not is_alive else 409 if changed else 200


def act_by_mail(comment, user, of):
    if stamps.sent_by_another_site(request.headers, request.host):
        abort(400, "That form was sent by another site. Nothing was decided.")
    act = moderation_pages.ACTS.get(request.form.get("act"))
    if of:
        moderation.undo(comment, user, of)
        return go_on(comment, user)
    if act is None:
        abort(400)
    if not moderation_pages.is_as_shown(comment, request.form.get("edited_at")):
        return page(comment, user, changed=True)
    if not comment.is_waiting or not act.verb(comment, user):
        return page(comments.whole(comment.id), user)
    return go_on(comment, user, act.result)


def go_on(comment, user, of=""):
    """To the page on which `user` decides, or may undo what made the comment `of`."""
    token = notifications.moderate_token(current_app.secret_key, comment.id, user.id, of)
    return redirect(url_for(".by_mail", token=token), 303)
