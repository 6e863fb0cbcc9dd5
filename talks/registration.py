"""Registering, and confirming an address.

Whether an address belongs to somebody is not asked while somebody waits for the answer: registering makes an
account without an address, which wants one (`User.new_email`), and writes to it. Whether the mail confirms,
or says that there is an account already, is decided when it is built. So the answer, the work and the
statements are the same. Changing the address of an account goes the same way (talks/recovery.py).
"""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user

from models import User, database, utcnow
from talks import account_mail, accounts, audit, networks, passwords, sessions, tokens, waits
from talks.account_forms import AddressForm, RegisterForm
from talks.signals import user_registered

KIND = "confirm_account"
LINK_SECONDS = int(User.UNCONFIRMED.total_seconds())
PER_NETWORK = 50  # registrations a day
PER_ADDRESS = 3  # mails a day from one network that ask to confirm it
PER_ADDRESS_IN_ALL = 6  # from all networks: nobody is flooded
MOST_NAMED = 3  # accounts that wait, in one mail

bp = Blueprint("registration", __name__, url_prefix="/auth")


def register(username, email, password, network):
    """An account that waits for `email` to be confirmed. Raises accounts.Refused.

    It is there in any case, so its username is held; after a day without a confirmation it is gone.
    """
    if not waits.take("registrations from", network, PER_NETWORK):
        raise accounts.Refused(
            "Many accounts were made from your network today. Try again tomorrow, or ask the people who run "
            "this site.",
            "",
        )
    password_hash = passwords.hash_password(password)  # before the transaction: others wait for it
    with database.atomic():
        User.forget_unconfirmed()
        if User.is_taken(username):
            raise accounts.Refused(f"The username {username} is taken.", "username")
        user = User(username=username, name=username, new_email=email, password_hash=password_hash)
        user.save(force_insert=True)
        audit.record("user.register", user, by=user)
        send_link(user.id, email, network)
    user_registered.send(user, confirm_token=confirm_token(current_app.secret_key, user.id, email))
    return user


def send_link(user_id, email, network):
    """Write to `email` so that its owner confirms it for that user (None: for those who want it).

    Call it in the transaction of what it is about. Nobody gets more than a few of these a day, and who is
    elsewhere does not use up all of them.
    """
    is_left = waits.take("links to", f"{email} from {network}", PER_ADDRESS)
    if is_left and waits.take("links to", email, PER_ADDRESS_IN_ALL):
        account_mail.write(email, KIND, user=user_id)


def send_again(email, network):
    """Send the link again to an address that somebody registered."""
    with database.atomic():
        send_link(None, email, network)


def links_in(secret, mail):
    """[(username, token)] for the mail that is to confirm an address, the oldest account first.

    [] when another account has the address: the mail then says so. None when nobody waits for it any more.
    """
    owner = User.by_email(mail.to_email)
    wanting = User.select().where(User.is_active, (User.new_email == mail.to_email) | (User.id == owner))
    asked = mail.payload["user"]
    users = [user for user in wanting.order_by(User.id) if asked in (None, user.id)]
    users = [user for user in users if user.unconfirmed_email == mail.to_email]
    if owner:
        users = [user for user in users if user == owner]
    elif not users:
        return None
    return [(user.username, confirm_token(secret, user.id, mail.to_email)) for user in users[:MOST_NAMED]]


account_mail.LINKS[KIND] = links_in


def confirm_token(secret, user_id, email):
    """For the link by which the owner of `email` says that it is the address of that user."""
    return tokens.sign(secret, "confirm-account", {"user": user_id, "email": email})


def read_confirm_token(secret, token):
    """(id of the user, address). Raises TokenError."""
    value = tokens.read(secret, "confirm-account", token, LINK_SECONDS)
    return value["user"], value["email"]


def confirm(user_id, email):
    """Make `email` the address of that user; the address it had before is told. None if it waits no more.

    Raises accounts.Refused when another account has it.
    """
    with database.atomic():
        user = User.get_or_none(User.id == user_id, User.is_active)
        if user is None or user.unconfirmed_email != email:
            return None
        if User.select().where(User.email == email, User.id != user_id).exists():
            raise accounts.Refused("Another account has this address. Nothing was changed.", "email")
        before = user.email
        user.email, user.new_email, user.confirmed_at = email, None, user.confirmed_at or utcnow()
        user.reset_serial += 1  # links to the address before set no password any more
        user.save()
        audit.record("user.confirm", user, by=user, is_another=bool(before and before != email))
        if before and before != email:
            account_mail.write(before, "email_changed", name=user.name, username=user.username)
    return user


@bp.route("/register", methods=["GET", "POST"])
def register_page():
    """Make an account."""
    if current_app.config["REGISTRATION"] == "closed":
        abort(403, "Nobody registers here: the people who run this site give out accounts. Ask them for one.")
    target = accounts.safe_next(request.args.get("next", ""))
    if current_user.is_authenticated:
        return redirect(target, 303)
    form = RegisterForm()
    if not form.validate_on_submit():
        return render_template("accounts/register.html", form=form), 422 if form.errors else 200
    try:
        user = register(form.username.data, form.email.data, form.password.data, networks.of_request())
    except accounts.Refused as refusal:
        status = 422 if refusal.field else 429
        (form[refusal.field].errors if refusal.field else form.form_errors).append(str(refusal))
        return render_template("accounts/register.html", form=form), status
    sessions.begin(user, remembered=False)
    return redirect(url_for(".waiting", next=request.args.get("next")), 303)


@bp.route("/confirm", methods=["GET", "POST"])
def waiting():
    """What confirming is about, and another mail for who got none."""
    if current_user.is_authenticated:
        return own_link()
    form = AddressForm()
    if form.validate_on_submit():
        if not waits.take_mail(networks.of_request()):
            abort(429, waits.MANY_MAILS)
        send_again(form.email.data, networks.of_request())
        return redirect(url_for(".waiting", sent=1), 303)
    page = render_template("accounts/confirm.html", form=form, sent="sent" in request.args)
    return page, 422 if form.errors else 200


def own_link():
    """The same for who is signed in: there is nothing to type."""
    email = current_user.unconfirmed_email
    if email is None:
        return redirect(url_for("accounts.account"), 303)
    if request.method == "POST":
        with database.atomic():
            send_link(current_user.id, email, networks.of_request())
        flash(f"We have written to {email} again, unless it had too many such mails today.", "info")
        return redirect(url_for(".waiting", next=request.args.get("next")), 303)
    return render_template("accounts/confirm_own.html", email=email)


@bp.route("/confirm/<token>", methods=["GET", "POST"])
def confirm_link(token):
    """The button behind the link in a mail; POST confirms the address."""
    user, email = user_of_link(token)
    if current_user.is_authenticated and current_user != user:
        abort(
            403,
            "This link belongs to another account than the one you are signed in to. Sign out, then open it "
            "again. Nothing was changed.",
        )
    if request.method != "POST":
        return render_template("accounts/confirm_link.html", user=user, email=email)
    try:
        done = confirm(user.id, email)
    except accounts.Refused as refusal:
        abort(409, str(refusal))
    if done is None:
        abort(410, USED)
    if current_user.is_authenticated:
        flash("Thank you: your address is confirmed.", "success")
        return redirect(url_for("timeline.index"), 303)
    flash("Thank you: your address is confirmed. Sign in to go on.", "success")
    return redirect(url_for("accounts.login"), 303)


USED = "This link was used, or another one took its place. If you cannot sign in, ask for a new one."


def user_of_link(token):
    """(user, address) of a link that still can be used. Ends the request otherwise."""
    try:
        user_id, email = read_confirm_token(current_app.secret_key, token)
    except tokens.TokenError as error:
        abort(error.status, f"{error} Nothing was changed.")
    user = User.get_or_none(User.id == user_id, User.is_active)
    if user is None or user.unconfirmed_email != email:
        abort(410, USED)
    return user, email
