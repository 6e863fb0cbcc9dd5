"""Signing in and out, and the first administrator."""

import re
from functools import wraps

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required

from forms import as_stored
from models import User, database, utcnow
from talks import (
    audit,
    half_sessions,
    passwords,
    refusals,
    second_factor,
    sessions,
    tokens,
    user_tokens,
    waits,
)
from talks.account_forms import USERNAME, USERNAME_RULE, LoginForm, SetupForm
from talks.networks import keyed, network, of_request
from talks.waits import TooManyAttempts

SETUP_SECONDS = API_SECONDS = 3600

bp = Blueprint("accounts", __name__, url_prefix="/auth")


class Refused(refusals.Refused):
    """Why an account was not made."""


def asking():
    """Who is signed in, or None."""
    return current_user._get_current_object() if current_user.is_authenticated else None


def authenticate(email, password, address, secret):
    """The user whose address and password these are, or None. Raises TooManyAttempts before any hashing.

    Whether there is such an account makes no difference to the work. An account whose first address is not
    confirmed is none here: that it lets somebody in would tell that nobody else has the address.
    """
    email, here = as_stored(email), keyed(secret, network(address))
    attempt = waits.reserve(keyed(secret, email), here, is_known=lambda: waits.has_entered_from(email, here))
    user = User.by_email(email)
    if not passwords.verify(user and user.password_hash, password) or not user.is_active:
        return None
    attempt.forgive()
    if passwords.is_outdated(user.password_hash):
        fresh, before = passwords.hash_password(password), user.password_hash
        User.update(password_hash=fresh).where(User.id == user.id, User.password_hash == before).execute()
        user.password_hash = fresh
    return user


def administrators_only(sentence):
    """For a view that only administrators open: whoever else is signed in is told `sentence`."""

    def guarded(view):
        @login_required
        @wraps(view)
        def asking(**kwargs):
            if not current_user.may_administrate:
                abort(403, sentence)
            return view(**kwargs)

        return asking

    return guarded


def is_password_of(user, password):
    """Whether `user`, who is signed in, knows the password. Raises TooManyAttempts before any hashing."""
    account = keyed(current_app.secret_key, f"password of {user.id}")
    attempt = waits.reserve(account, of_request(), is_known=lambda: True)
    if not passwords.verify(user.password_hash, password):
        return False
    attempt.forgive()
    return True


def api_token(secret, user):
    """What stands for `user` in the API, for API_SECONDS or until the password or the sessions change."""
    return user_tokens.sign(secret, "api", user)


def issue_api_token(secret, user):
    """The same, noted."""
    audit.record("user.api_token", user, by=user)
    return api_token(secret, user)


def user_of_api_token(secret, token):
    """Whose token this is. Raises TokenError."""
    (user,) = user_tokens.read(secret, "api", token, API_SECONDS)
    return user


def create_account(
    username, email, *, password="", password_hash="", name="", is_admin=False, is_speaker=False
):
    """A confirmed account. Raises Refused."""
    if not USERNAME.fullmatch(username) or len(username) > User.username.max_length:
        raise Refused(f"{username[:40]!r} cannot be a username. {USERNAME_RULE}", "username")
    with database.atomic():
        User.forget_unconfirmed()
        if User.is_taken(username):
            raise Refused(f"The username {username} is taken.", "username")
        if User.by_email(email):
            raise Refused(f"{email} has an account already.", "email")
        user = User(
            username=username, email=email, name=name or username, confirmed_at=utcnow(), is_admin=is_admin,
            is_speaker=is_speaker, password_hash=password_hash or passwords.hash_password(password),
        )  # fmt: skip
        user.save(force_insert=True)
    return user


def create_first_administrator(values):
    """An administrator, while there is none; None when somebody was faster. Raises Refused."""
    with database.atomic():
        if User.there_is_an_administrator():
            return None
        user = create_account(**values, is_admin=True, is_speaker=True)
        audit.record("user.create", user, by=user)
    return user


def setup_token(secret):
    """For the address that makes the first administrator."""
    return tokens.sign(secret, "setup", "administrator")


def safe_next(target):
    """`target` when it is a path of this site, else the front page.

    Browsers drop tabs and newlines and read a backslash as a slash, so none of these may be in it.
    """
    if re.match(r"/(?!/)", target) and not re.search(r"[\x00-\x20\x7f\\]", target):
        return target
    return url_for("timeline.index")


@sessions.login_manager.unauthorized_handler
def ask_to_sign_in():
    """To the sign-in page, and from there back to the page that was asked for, if it was one."""
    flash("Sign in to go on.", "info")
    rule = request.url_rule
    target = request.full_path.rstrip("?") if rule and "GET" in rule.methods else None
    return redirect(url_for("accounts.login", next=target), 303)


@bp.route("/login", methods=["GET", "POST"])
def login():
    """Sign in."""
    target = safe_next(request.args.get("next", ""))
    if current_user.is_authenticated:
        return redirect(target, 303)
    form = LoginForm()
    if not form.validate_on_submit():
        return render_template("accounts/login.html", form=form), 422 if form.errors else 200
    try:
        user = authenticate(form.email.data, form.password.data, request.remote_addr, current_app.secret_key)
    except TooManyAttempts as refusal:
        form.form_errors.append(str(refusal))
        return render_template("accounts/login.html", form=form), 429, refusal.headers
    if user is None:
        form.form_errors.append("E-mail and password do not belong together.")
        return render_template("accounts/login.html", form=form), 422
    return enter(user, form.remember_me.data, target)


def enter(user, remembered, target):
    """Let in who has shown the password, by way of the second factor where there is one. An answer."""
    if second_factor.is_needed(user):
        half_sessions.begin(user, remembered, target)
        return redirect(url_for("second_step.answer"), 303)
    return welcome(user, remembered, target)


def welcome(user, remembered, target):
    """Begin the session of who has shown all that is asked for. An answer."""
    sessions.begin(user, remembered)
    flash(f"Signed in as {user.name}.", "success")
    return redirect(target, 303)


@bp.get("/logout")
@login_required
def ask_logout():
    """A page with the button: a link alone ends nothing."""
    return render_template("accounts/logout.html")


@bp.post("/logout")
def logout():
    """Sign out."""
    if current_user.is_authenticated:
        sessions.leave()
        flash("Signed out.", "success")
    return redirect(url_for("timeline.index"), 303)


@bp.get("/account")
@login_required
def account():
    """What belongs to one's account, and where it is changed."""
    return render_template("accounts/account.html")


@bp.post("/token")
@login_required
def token():
    """A token of the API for who is signed in: the scripts of our pages ask it as others do."""
    given = {"token": issue_api_token(current_app.secret_key, asking()), "expiration": API_SECONDS}
    return given, {"Cache-Control": "no-store"}


@bp.route("/setup/<token>", methods=["GET", "POST"])
def setup(token):
    """Make the first administrator; the address stops working once there is one."""
    try:
        tokens.read(current_app.secret_key, "setup", token, SETUP_SECONDS)
    except tokens.TokenError as error:
        flash(f"{error} Start the site again to get a new one.", "error")
        return redirect(url_for("timeline.index"), 303)
    form = SetupForm()
    user = None
    if form.validate_on_submit():
        try:
            user = create_first_administrator(
                {"username": form.username.data, "email": form.email.data, "password": form.password.data}
            )
        except Refused as refusal:
            form[refusal.field].errors = [str(refusal)]
    if user or User.there_is_an_administrator():
        if user:
            sessions.begin(user, remembered=False)
            flash("Welcome. You are the administrator of this site.", "success")
        else:
            flash("This site has its administrator. Sign in.", "info")
        return redirect(url_for("timeline.index" if user else "accounts.login"), 303)
    return render_template("accounts/setup.html", form=form), 422 if form.errors else 200


@bp.after_app_request
def keep_private(response):
    """An answer under an address that holds a token is kept by no cache, and the address told to nobody."""
    if "token" in (request.view_args or {}):
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
    return response
