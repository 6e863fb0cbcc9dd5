"""Pages on which people write under a talk, and on which authors find what they wrote.

A visitor has no session. Who has just written gets an address with a key that is good for a quarter of an
hour: from there the comment is changed and taken back. Pages for visitors set no cookie, so their forms hold
a stamp instead of a session's token (talks/stamps.py), and what happened is said on the page they come to.
"""

import time

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException, NotFound

from models import Comment
from talks import comments, moderation_pages, spam, stamps, threads, timeline, tokens
from talks.accounts import asking
from talks.allowances import Allowance
from talks.comment_forms import BodyForm
from talks.networks import of_request
from talks.spam import Refused

bp = Blueprint("comments", __name__)

KEY_SECONDS = int(Comment.EDITABLE.total_seconds())
LONG = 2_000  # characters: to draw 10,000 can take a third of a second
LONG_A_MINUTE, REPORTS_AN_HOUR = 20, 30  # from one network, in one process
long_texts, reports = Allowance(LONG_A_MINUTE, seconds=60), Allowance(REPORTS_AN_HOUR, seconds=3600)
TOO_MUCH = "That is a lot of text in a short time. It is still here: wait a minute, then send it again."
STALE = "This form was open for too long, or belongs to another sign-in. Your text is here: send it again."


def refuse_other_sites():
    if stamps.sent_by_another_site(request.headers, request.host):
        abort(400, "That form was sent by another site. Nothing was written.")


def refuse_forged():
    """Raise CSRFError unless a form of the one who is signed in sent this."""
    refuse_other_sites()
    current_app.extensions["csrf"].protect()


def is_too_much(text):
    """Whether `text` takes long to draw, and so did too many of late from where it comes from."""
    return len(text or "") > LONG and not long_texts.take(of_request(), time.time())


def key_of(comment):
    """What lets the visitor who wrote `comment` change it and take it back."""
    return tokens.sign(current_app.secret_key, "comment", comment.id)


def own_address(comment_id, key):
    """The page of a visitor's own comment. It names a place: else browsers keep that of the form."""
    return url_for(".show", comment_id=comment_id, key=key, _anchor="sent")


def own_comment(comment_id):
    """The comment of the one who asks: who is signed in and wrote it, or who has its key."""
    key = request.values.get("key")
    if key is None:
        return comment_by(asking(), comment_id)
    found = comments.whole(comment_id)
    try:
        if found is None or tokens.read(current_app.secret_key, "comment", key, KEY_SECONDS) != comment_id:
            raise tokens.TokenInvalid
    except tokens.TokenExpired:
        abort(410, comments.TOO_LATE + " The people who run this site can still take it away for you.")
    except tokens.TokenError as error:
        abort(403, str(error))
    return found


def comment_by(person, comment_id):
    """The comment of that id, if `person` wrote it."""
    found = comments.readable(comment_id, person) or abort(404)
    if person is None or found.author != person:
        abort(403, "Somebody else wrote this. Only its author can change it.")
    return found


@bp.after_request
def keep_private(response):
    """An answer under an address with a key is kept by no cache, and the address told to nobody."""
    if "key" in request.args:
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
    return response


@bp.post("/talk/<id:talk_id>")
def ask(talk_id):
    """Write under a talk; `preview` shows how it would look instead."""
    refuse_other_sites()
    author = asking()
    try:
        talk = timeline.visible_talk(talk_id)
    except NotFound:  # it was there when the form was opened
        return given_back(404, "This talk is not there, or not any more, so nothing can be written under it.")
    form = timeline.comment_form(author)
    if is_too_much(form.body.data):
        form.form_errors.append(TOO_MUCH)
        return timeline.talk_page(talk, form), 429
    if "preview" in request.form:
        form.body.validate(form)
        return timeline.talk_page(talk, form, preview=comments.rendered(form.body.data or ""))
    good = form.validate()
    if refusal := why_not_taken(form, talk, author):
        spam.note(refusal, talk, request.form, of_request())
        say_refusal(form, refusal)
    if refusal or not good:
        return timeline.talk_page(talk, form), 422
    try:
        comment = comments.post(talk, author, form.values(), of_request())
    except Refused as refusal:
        say_refusal(form, refusal)
        return timeline.talk_page(talk, form), 429 if refusal.reason == "too-many" else 422
    if author is None:
        return redirect(own_address(comment.id, key_of(comment)), 303)
    flash(*said_of(comment))
    return redirect(address_of(comment), 303)


def given_back(status, why):
    """A page with the text that could not be taken, to be kept by who typed it."""
    page = render_template("comments/lost.html", status=status, why=why, body=request.form.get("body", ""))
    return page, status


def why_not_taken(form, talk, author):
    """Refused, or None, for a form as it came: too old, by a program, or where nothing can be written."""
    if not talk.takes_comments_from(author):
        return Refused(comments.why_closed(talk), "", "closed")
    if author is None and not stamps.is_good(
        current_app.secret_key, form.stamp.data or "", talk.id, time.time()
    ):
        return Refused(STALE, "stamp", "stale")
    if author and form.csrf_token.errors:
        return Refused(STALE, "csrf_token", "stale")
    return None


def say_refusal(form, refusal):
    if refusal.field in form:
        form[refusal.field].errors = [str(refusal)]
    else:
        form.form_errors.append(str(refusal))
    if refusal.field == "parent":
        form.answer(None)  # so that sending it again works


def said_of(comment):
    """A sentence about what became of a comment, and its kind."""
    if comment.status == "approved":
        return "It stands under the talk now.", "success"
    return "Sent. It waits to be approved; until then nobody else sees it.", "info"


def address_of(comment):
    """Where `comment` stands for who asks."""
    place = threads.place_of(comment, asking(), current_app.config["COMMENTS_PER_PAGE"])
    return url_for("timeline.talk", talk_id=comment.talk_id) + place


@bp.get("/comment/<id:comment_id>")
def show(comment_id):
    """To the page on which a comment stands; with its `?key=` a page for its author."""
    if "key" in request.args:
        return own_page(own_comment(comment_id), BodyForm(meta={"csrf": False}))
    found = Comment.visible_to(asking()).where(Comment.id == comment_id).first() or abort(404)
    return redirect(address_of(found), 303)


def own_page(comment, form):
    """What became of one's own comment, and the form to change it."""
    if not form.is_submitted():
        form.body.data = comment.body
    key = request.values.get("key")
    place = address_of(comment) if comment.status == "approved" or key is None else None
    return render_template("comments/own.html", comment=comment, form=form, key=key, place=place)


@bp.route("/comment/<id:comment_id>/edit", methods=["GET", "POST"])
def change(comment_id):
    """Change one's own comment."""
    if request.method == "POST":
        refuse_other_sites()
    try:
        comment = own_comment(comment_id)
    except HTTPException as refusal:
        if request.method == "GET":
            raise
        return given_back(refusal.code, refusal.description)
    by_key = "key" in request.values
    form = BodyForm(meta={"csrf": not by_key})
    if not form.validate_on_submit():
        if not by_key and form.csrf_token.errors:
            form.csrf_token.errors = [STALE]
        return own_page(comment, form), 422 if form.errors else 200
    if is_too_much(form.body.data):
        form.form_errors.append(TOO_MUCH)
        return own_page(comment, form), 429
    try:
        comments.edit(comment, form.body.data)
    except Refused as refusal:
        say_refusal(form, refusal)
        return own_page(comment, form), 422
    return back_to(comment_id, "Changed.")


def back_to(comment_id, said):
    """To the author's page with the key, or else to where the comment stands."""
    if "key" in request.values:
        return redirect(own_address(comment_id, request.values["key"]), 303)
    flash(said, "success")
    return redirect(address_of(comments.whole(comment_id)), 303)


@bp.post("/comment/<id:comment_id>/delete")
def delete(comment_id):
    """Take one's own comment back; who decides about a talk's comments takes away those of others."""
    if "key" not in request.form:
        refuse_forged()
        person, found = asking(), comments.whole(comment_id)
        if person and found and found.author != person:
            return moderation_pages.decide(moderation_pages.seen(Comment, comment_id), "delete")
    comments.withdraw(own_comment(comment_id))
    return back_to(comment_id, "You took your comment back. It can be brought back where it stood.")


@bp.post("/comment/<id:comment_id>/restore")
def restore(comment_id):
    """Bring one's own comment back."""
    if "key" not in request.form:
        refuse_forged()
    comments.bring_back(own_comment(comment_id))
    return back_to(comment_id, "Your comment is back.")


@bp.route("/comment/<id:comment_id>/report", methods=["GET", "POST"])
def tell(comment_id):
    """Ask for another look at somebody's comment. A link alone does nothing."""
    reader = asking()
    shown = Comment.visible_to(reader).where(Comment.id == comment_id, Comment.status == "approved")
    comment = shown.first() or abort(404)
    now, wrong, status = time.time(), "", 200
    if request.method == "POST":
        if reader:
            refuse_forged()
        refuse_other_sites()
        sent = request.form.get("stamp", "")
        if not (reader or stamps.is_good(current_app.secret_key, sent, comment.talk_id, now)):
            wrong, status = "This page was open for too long. Press the button again.", 422
        elif not reports.take(of_request(), now):
            wrong, status = "That is a lot of reports. Those who decide look at them: go on in an hour.", 429
        else:
            comments.report(comment)
            return redirect(url_for(".tell", comment_id=comment_id, done=1), 303)
    stamp = stamps.stamp(current_app.secret_key, comment.talk_id, now)
    page = render_template("comments/report.html", comment=comment, stamp=stamp, wrong=wrong)
    return page, status
