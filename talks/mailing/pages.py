"""The pages behind the links in mail, and what administrators see of the outbox.

Links in mail carry who asks, so no form here has a token of its own, and no page sets a cookie. GET changes
nothing: scanners of mail follow links.
"""

import email
import email.policy
import re

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from peewee import JOIN

from models import Muted, OutboxMail, Talk, database
from talks import audit, tokens
from talks.accounts import administrators_only
from talks.mailing.kinds import KINDS
from talks.mailing.messages import read_unsubscribe_token
from talks.notifications import CONFIRM, CONFIRM_SECONDS, confirm_address, subscribe_again, unsubscribe
from talks.smtp import folder_in

MOST_SHOWN = 100  # of the files, and of each kind of mail
FILE = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\.eml", re.ASCII)

bp = Blueprint("mailing", __name__)
administrators = administrators_only("Only administrators see the mail of this site.")


@bp.route("/unsubscribe/<token>", methods=["GET", "POST"])
def stop_mail(token):
    """Stop mail about one talk. Programs of mail post here by themselves (RFC 8058)."""
    try:
        address, talk_id = read_unsubscribe_token(current_app.secret_key, token)
    except tokens.TokenError as error:
        bad_link(error)
    talk = Talk.get_or_none(Talk.id == talk_id)
    if request.method != "POST":
        muted = Muted.select().where(Muted.email == address, Muted.talk == talk_id).exists()
        return render_template("mailing/unsubscribe.html", address=address, talk=talk, is_muted=muted)
    if request.form.get("again"):
        subscribe_again(address, talk_id)
        return render_template("mailing/done.html", done="again", address=address, talk=talk)
    if talk:
        unsubscribe(address, talk_id)
    return render_template("mailing/done.html", done="stopped", address=address, talk=talk)


@bp.route("/confirm-mail/<token>", methods=["GET", "POST"])
def confirm_mail(token):
    """The owner of an address says that it wants mail."""
    try:
        address = tokens.read(current_app.secret_key, CONFIRM, token, CONFIRM_SECONDS)
    except tokens.TokenError as error:
        bad_link(error)
    if request.method != "POST":
        return render_template("mailing/confirm.html", address=address)
    confirm_address(address)
    return render_template("mailing/done.html", done="confirmed", address=address, talk=None)


def bad_link(error):
    abort(error.status, f"{error} Nothing was changed.")


@bp.get("/mailbox")
@administrators
def mailbox():
    """What waits, what failed, and without a mail server what was written instead of sent."""
    unsent = OutboxMail.select(OutboxMail, Talk.id, Talk.title).join(Talk, JOIN.LEFT_OUTER)
    unsent = unsent.where(OutboxMail.sent_at.is_null())
    failed = unsent.where(OutboxMail.failed_at.is_null(False)).order_by(OutboxMail.failed_at.desc())
    waiting = unsent.where(OutboxMail.failed_at.is_null()).order_by(OutboxMail.due_at)
    return render_template(
        "mailing/mailbox.html", given_up=list(failed.limit(MOST_SHOWN)), given_up_count=failed.count(),
        unsent=list(waiting.limit(MOST_SHOWN)), unsent_count=waiting.count(),
        files=[head(path) for path in files()], has_server=bool(current_app.config["MAIL_SERVER"]),
        kinds=KINDS,
    )  # fmt: skip


@bp.get("/mailbox/<name>")
@administrators
def written(name):
    """One mail as it was written; `?raw=1` gives the file."""
    if not FILE.fullmatch(name) or not (folder() / name).is_file():
        abort(404)
    if request.args.get("raw"):
        return send_from_directory(folder(), name, mimetype="message/rfc822", as_attachment=True)
    return render_template("mailing/written.html", name=name, message=read(folder() / name))


@bp.post("/mailbox/<id:mail_id>/again")
@administrators
def send_again(mail_id):
    """Try a mail again that was given up."""
    mail = OutboxMail.get_or_none(OutboxMail.id == mail_id, OutboxMail.failed_at.is_null(False))
    if mail is None:
        abort(404)
    with database.atomic():
        mail.try_anew()
        audit.record("mail.again", mail, kind=mail.kind)
    flash("It is tried again with the next mail.", "success")
    return redirect(url_for(".mailbox"), 303)


def folder():
    return folder_in(current_app.instance_path)


def files():
    """The newest files of mail, newest first."""
    found = sorted((path for path in folder().glob("*.eml") if FILE.fullmatch(path.name)), reverse=True)
    return found[:MOST_SHOWN]


def head(path):
    """What a list shows of a file."""
    message = read(path)
    return {
        "name": path.name, "to": message["To"], "subject": message["Subject"], "date": message.sent_at,
    }  # fmt: skip


def read(path):
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    message.sent_at = getattr(message["Date"], "datetime", None)
    body = message.get_body(("plain",))
    message.text = body.get_content().replace("\r\n", "\n") if body else ""
    return message
