"""A lost password, another password, another address.

A link that sets a password holds the user's `reset_serial`. Asking for a new link, setting a password and
confirming an address raise it, and links from before are void: no row for each link, and none is forgotten.
"""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required

from models import LoginAttempt, User, database, utcnow
from talks import account_mail, accounts, audit, networks, passwords, registration, sessions, tokens, waits
from talks.account_forms import AddressForm, ChangeEmailForm, ChangePasswordForm, NewPasswordForm
from talks.networks import keyed
from talks.reauthentication import answer, knows_password

KIND = "reset_password"
LINK_SECONDS = 3600
PER_ADDRESS = 3  # mails a day with a link
PER_USER = 5  # addresses a day that one account wants to have
USED = "This link was used, or a newer one was sent. Ask for a new one."

bp = Blueprint("recovery", __name__, url_prefix="/auth")


def ask_for_link(email):
    """Write to `email` how to set another password. Whether there is an account, the mail finds out."""
    with database.atomic():
        if waits.take("resets of", email, PER_ADDRESS):
            User.update(reset_serial=User.reset_serial + 1).where(User.email == email).execute()
            account_mail.write(email, KIND)
            audit.record("user.ask_reset", User.by_email(email))  # of nobody, where there is no account


def link_in(secret, mail):
    """The token for the mail that is to set another password; None where there is no account."""
    user = User.get_or_none(User.email == mail.to_email, User.is_active)
    return user and tokens.sign(secret, KIND, [user.id, user.reset_serial])


account_mail.LINKS[KIND] = link_in


def user_of_link(secret, token):
    """Who sets a password by this link. Raises TokenError."""
    user_id, serial = tokens.read(secret, KIND, token, LINK_SECONDS)
    user = User.get_or_none(User.id == user_id, User.reset_serial == serial, User.is_active)
    if user is None:
        raise tokens.TokenError(USED)
    return user


def set_password(user, password, keep=None):
    """Give `user` another password; all sessions but that of the token `keep`, and API tokens, end.

    So does a wish for another address: who knew the password before may have asked for their own.
    False if another password, link or address came in between.
    """
    password_hash = passwords.hash_password(password)  # before the transaction: others wait for it
    with database.atomic():
        same = User.id == user.id, User.reset_serial == user.reset_serial
        values = {"password_hash": password_hash, "reset_serial": User.reset_serial + 1}
        if not User.update(values).where(*same).execute():
            return False
        want_no_other_address(user)
        sessions.go_on_alone(user, keep)
        audit.record("user.password", user, by=user)
        account_mail.tell(user, "password_changed")
    return True


def want_no_other_address(user):
    """Forget which address `user` wants, unless it is the first one."""
    User.update(new_email=None).where(User.id == user.id, User.email.is_null(False)).execute()


def reset(user, password, network):
    """Set the password of who has come by a link. False as in `set_password`.

    The address is theirs, as they have read its mail; and mistyping the old password is forgiven.
    """
    if not set_password(user, password):
        return False
    with database.atomic():
        User.update(confirmed_at=utcnow()).where(User.id == user.id, User.confirmed_at.is_null()).execute()
        tried = LoginAttempt.account == keyed(current_app.secret_key, user.email)
        LoginAttempt.delete().where(tried, LoginAttempt.network == network).execute()
    return True


def ask_for_address(user, email, network):
    """`user` wants another address, which counts once it is confirmed. Raises accounts.Refused."""
    if not waits.take("addresses of", user.id, PER_USER):
        raise accounts.Refused("You have tried several addresses today. Try again tomorrow.", "email")
    with database.atomic():
        User.update(new_email=email).where(User.id == user.id).execute()
        audit.record("user.ask_address", user, by=user)
        registration.send_link(user.id, email, network)


@bp.route("/reset", methods=["GET", "POST"])
def ask_reset():
    """Ask for a link that sets another password."""
    form = AddressForm()
    if form.validate_on_submit():
        if not waits.take_mail(networks.of_request()):
            abort(429, waits.MANY_MAILS)
        ask_for_link(form.email.data)
        return redirect(url_for(".ask_reset", sent=1), 303)
    page = render_template("accounts/reset.html", form=form, sent="sent" in request.args)
    return page, 422 if form.errors else 200


@bp.route("/reset/<token>", methods=["GET", "POST"])
def reset_link(token):
    """Set another password."""
    try:
        user = user_of_link(current_app.secret_key, token)
    except tokens.TokenError as error:
        abort(error.status, f"{error} Your password is what it was.")
    form = NewPasswordForm(about=[user.username, user.email])
    if not form.validate_on_submit():
        page = render_template("accounts/new_password.html", form=form, user=user)
        return page, 422 if form.errors else 200
    if not reset(user, form.password.data, networks.of_request()):
        abort(410, f"{USED} Your password was not changed by this one.")
    flash("Your password is set. Sign in with it.", "success")
    return redirect(url_for("accounts.login"), 303)


@bp.route("/password", methods=["GET", "POST"])
@login_required
def change_password():
    """Set another password."""
    me = current_user._get_current_object()
    form = ChangePasswordForm(about=[me.username, me.email or me.new_email])
    if form.validate_on_submit() and knows_password(me, form.old_password, form):
        if set_password(me, form.password.data, keep=me.session_token):
            flash("Your password is changed. You are signed out everywhere but here.", "success")
            return redirect(url_for("accounts.account"), 303)
        form.form_errors.append("Somebody else changed your password just now. Nothing was changed here.")
    return answer("accounts/password.html", form)


@bp.route("/email", methods=["GET", "POST"])
@login_required
def change_email():
    """Ask for another address."""
    me = current_user._get_current_object()
    form = ChangeEmailForm(own=me.email)
    if form.validate_on_submit() and knows_password(me, form.password, form):
        try:
            ask_for_address(me, form.email.data, networks.of_request())
            return redirect(url_for("registration.waiting"), 303)
        except accounts.Refused as refusal:
            form.email.errors = [str(refusal)]
    return answer("accounts/email.html", form)


@bp.post("/email/keep")
@login_required
def keep_email():
    """Want no other address any more."""
    me = current_user._get_current_object()
    with database.atomic():
        want_no_other_address(me)
        audit.record("user.keep_address", me, by=me)
    flash("Your address stays what it is.", "success")
    return redirect(url_for("accounts.account"), 303)
