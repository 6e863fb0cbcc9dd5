"""The pages on which people manage their second factors, and where administrators are led who lack one."""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask_login import current_user

from models import Credential
from talks import passkeys, reauthentication, second_factor
from talks.account_forms import CodeForm, PasskeyForm
from talks.second_step import as_json, this_site

SETTINGS = "second_factor.settings"
# What an administrator may do before there is a second factor.
OPEN_BLUEPRINTS = {"second_factor", "reauthentication", "registration", "pages"}
OPEN = {"accounts.logout", "accounts.ask_logout", "static"}

bp = Blueprint("second_factor", __name__, url_prefix="/auth/second-factor")
again = reauthentication.required(SETTINGS)


@bp.before_app_request
def lead_administrators():
    """An administrator who has to have a second factor sets one up before anything else."""
    if request.endpoint is None or request.endpoint in OPEN or request.blueprint in OPEN_BLUEPRINTS:
        return None
    if not second_factor.is_missing(current_user):
        return None
    if request.method not in ("GET", "HEAD"):
        abort(403, "Administrators of this site need a second factor. Set one up first: nothing was changed.")
    return redirect(url_for(SETTINGS), 303)


@bp.before_request
def ask_to_confirm():
    """Whoever registers with an address that is not theirs must not lock its owner out."""
    if current_user.is_authenticated and not current_user.may_write:
        return redirect(url_for("registration.waiting"), 303)
    return None


@bp.get("/settings")
@again
def settings():
    """What signing in asks for after the password."""
    return show(PasskeyForm())


def show(form, status=200):
    factors = second_factor.factors_of(current_user)
    page = render_template(
        "second_factor/settings.html", form=form, factors=factors, has_name=this_site().has_name,
        is_missing=second_factor.is_missing(current_user), can_add=len(factors.passkeys) < passkeys.MOST,
    )  # fmt: skip
    return page, status, {"Cache-Control": "no-store"}


@bp.post("/app/new")
@again
def new_app():
    """Begin to set up an authenticator app."""
    second_factor.begin_app(current_user._get_current_object())
    return redirect(url_for(".app"), 303)


@bp.route("/app", methods=["GET", "POST"])
@again
def app():
    """Show the QR code of the app that is being set up; turn it on by its first code."""
    pending = second_factor.pending_app(current_user)
    if pending is None:
        flash("That took longer than an hour. Begin anew.", "info")
        return redirect(url_for(SETTINGS), 303)
    form = CodeForm()
    if form.validate_on_submit():
        codes = second_factor.finish_app(current_user._get_current_object(), pending, form.code.data)
        if codes is not None:
            flash("Your app is set up. Signing in asks for its code from now on.", "success")
            return show_codes(codes)
        form.code.errors = [
            "That is not the code the app shows now. Check that the clocks of both devices are right."
        ]
    address = second_factor.address_for_apps(pending, current_app.config["SITE_NAME"])
    page = render_template(
        "second_factor/app.html", form=form, pending=pending, address=address,
        picture=second_factor.picture_of(address),
    )  # fmt: skip
    return page, 422 if form.errors else 200, {"Cache-Control": "no-store"}


@bp.post("/passkeys/challenge")
@again
def challenge():
    """What the browser needs to make a passkey, as JSON."""
    name, secret = current_app.config["SITE_NAME"], current_app.secret_key
    return as_json(passkeys.creation_options(current_user, this_site(), name, secret, session))


@bp.post("/passkeys")
@again
def add_passkey():
    """Take the passkey that the browser made."""
    form = PasskeyForm()
    if not form.validate():
        return show(form, 422)
    try:
        user, sent = current_user._get_current_object(), form.passkey.data
        codes = passkeys.add(user, sent, form.name.data, this_site(), session)
    except passkeys.Refused as refusal:
        form.name.errors = [str(refusal)]
        return show(form, 422)
    flash("Your passkey is added. It can finish signing in from now on.", "success")
    return show_codes(codes)


@bp.post("/<id:credential_id>/remove")
@again
def remove(credential_id):
    """Remove the app or a passkey."""
    found = Credential.confirmed(current_user).where(Credential.id == credential_id)
    credential = found.where(Credential.kind.in_(second_factor.FACTORS)).first()
    if credential is None:
        abort(404)
    second_factor.remove(credential, by=current_user._get_current_object())
    removed = f"The passkey “{credential.name}”" if credential.name else "The authenticator app"
    rest = "" if second_factor.is_needed(current_user) else " Signing in asks for the password only."
    flash(f"{removed} is removed.{rest}", "success")
    return redirect(url_for(SETTINGS), 303)


@bp.post("/codes")
@again
def renew_codes():
    """Make ten new recovery codes."""
    codes = second_factor.renew_codes(current_user._get_current_object())
    if codes is None:
        abort(404)
    return show_codes(codes)


def show_codes(codes):
    """The page with new recovery codes, which no other answer shows again; without any, the settings."""
    if not codes:
        return redirect(url_for(SETTINGS), 303)
    page = render_template("second_factor/codes.html", codes=codes)
    return page, 200, {"Cache-Control": "no-store"}
