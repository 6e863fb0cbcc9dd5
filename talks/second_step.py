"""The step between password and session: a code of an app, a recovery code, or a passkey."""

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import current_user

from talks import accounts, half_sessions, passkeys, second_factor, tokens, waits
from talks.account_forms import CodeForm, PasskeyAnswerForm, RecoveryCodeForm
from talks.networks import keyed, of_request
from talks.wording import count

FORMS = {"code": CodeForm, "recovery_code": RecoveryCodeForm, "passkey": PasskeyAnswerForm}
WRONG = {
    "code": "That is not the app's present code, or it was used before. Wait for the next one.",
    "recovery_code": "That is none of your recovery codes, or it was used before.",
    "passkey": "That passkey was not accepted. Try again, or use a code.",
}

bp = Blueprint("second_step", __name__, url_prefix="/auth/second-factor")


def accept(user, kind, sent):
    """Whether `sent` from this browser, of a kind in WRONG, is right; then it is used up.

    Every try is counted before it is looked at: raises waits.TooManyAttempts. Raises passkeys.Refused.
    """
    secret, here = current_app.secret_key, of_request()
    account = keyed(secret, f"second factor of {user.id}")
    attempts = [waits.reserve(account, here, lambda: waits.has_entered_from(user.email, here))]
    if kind == "code":
        # Six digits can be guessed from many networks; the rest cannot, and always lets the owner in.
        attempts.append(waits.reserve(account, keyed(secret, f"anywhere {user.id}")))
        done = second_factor.take_code(user, sent)
    elif kind == "recovery_code":
        done = second_factor.take_recovery_code(user, sent)
    else:
        done = passkeys.accept(user, sent, this_site(), session)
    if done:
        for attempt in attempts:
            attempt.forgive()
    return done


@bp.route("", methods=["GET", "POST"])
def answer():
    """Ask who has shown the password for the second factor."""
    if current_user.is_authenticated:
        return redirect(url_for("second_factor.settings"), 303)
    try:
        user, remembered, target = half_sessions.held()
    except tokens.TokenError:
        return sign_in_again()
    forms = {kind: form(formdata=None) for kind, form in FORMS.items()}
    kind = next((kind for kind in FORMS if kind in request.form), None)
    if kind is None:
        return page(user, forms)
    forms[kind] = FORMS[kind]()
    if not forms[kind].validate():
        return page(user, forms, kind, 422)
    field, status, headers = forms[kind][kind], 422, {}
    try:
        if accept(user, kind, field.data):
            answer = accounts.welcome(user, remembered, target)
            if kind == "recovery_code":
                flash(said_of_codes(second_factor.factors_of(user).codes_left), "info")
            return answer
        field.errors = [WRONG[kind]]
    except passkeys.Refused as refusal:
        field.errors = [str(refusal)]
    except waits.TooManyAttempts as refusal:
        second_factor.suspect(user)
        field.errors = [str(refusal)]
        status, headers = 429, refusal.headers
    return page(user, forms, kind, status, headers)


@bp.post("/challenge")
def challenge():
    """What the browser needs to use a passkey, as JSON."""
    try:
        user, _, _ = half_sessions.held()
    except tokens.TokenError:
        return sign_in_again()
    return as_json(passkeys.request_options(user, this_site(), session))


def page(user, forms, sent="code", status=200, headers=None):
    """The page with a form for each kind; `sent` is the one whose errors are summed at the top."""
    drawn = render_template(
        "second_factor/answer.html", forms=forms, sent=forms[sent],
        factors=second_factor.factors_of(user), has_name=this_site().has_name,
    )  # fmt: skip
    return drawn, status, {"Cache-Control": "no-store"} | (headers or {})


def said_of_codes(left):
    many = "None of your recovery codes is left" if left == 0 else f"{count(left, 'recovery code')} left"
    return f"{many}. You can make new ones under “Two-step sign-in”."


def sign_in_again():
    """To the beginning: there is no half session, or it is too old."""
    if half_sessions.NOTE in session:
        session.clear()
        flash("That took longer than ten minutes. Sign in again.", "info")
    return redirect(url_for("accounts.login"), 303)


def this_site():
    """The site as browsers know it."""
    return passkeys.relying_party(current_app.config["SITE_URL"] or request.host_url)


def as_json(text):
    return Response(text, content_type="application/json", headers={"Cache-Control": "no-store"})
