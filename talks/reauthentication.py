"""Asking for the password once more, before what changes how an account is protected.

The browser's session remembers for ten minutes that the password was given.
"""

import time
from functools import wraps

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask_login import current_user, login_required

from talks import accounts, waits
from talks.account_forms import PasswordForm

SECONDS = 600
GIVEN_AT = "password_given_at"  # its key in the browser's session

bp = Blueprint("reauthentication", __name__, url_prefix="/auth")


def required(page):
    """For a view that is open only to who has given the password in the last ten minutes.

    Who sent a form comes to `page`, an endpoint, and sends it again from there.
    """

    def guarded(view):
        @login_required
        @wraps(view)
        def asking(*args, **kwargs):
            if is_recent():
                return view(*args, **kwargs)
            target = request.full_path.rstrip("?") if request.method == "GET" else url_for(page)
            return redirect(url_for("reauthentication.ask", next=target), 303)

        return asking

    return guarded


def is_recent():
    return 0 <= time.time() - session.get(GIVEN_AT, 0) < SECONDS


@bp.route("/reauthenticate", methods=["GET", "POST"])
@login_required
def ask():
    """Ask for the password again, then go on."""
    target = accounts.safe_next(request.args.get("next", ""))
    form = PasswordForm()
    if form.validate_on_submit() and knows_password(current_user, form.password, form):
        session[GIVEN_AT] = int(time.time())
        return redirect(target, 303)
    return answer("second_factor/password.html", form)


def knows_password(user, field, form):
    """Whether the password in `field` is that of `user`; the form then says why not."""
    try:
        if accounts.is_password_of(user, field.data):
            return True
        field.errors = ["That is not your password."]
    except waits.TooManyAttempts as refusal:
        form.wait = refusal
        field.errors = [str(refusal)]
    return False


def answer(template, form, **values):
    """The page with the form, and why it was not taken."""
    page = render_template(template, form=form, **values)
    if wait := getattr(form, "wait", None):
        return page, 429, wait.headers
    return page, 422 if form.errors else 200
