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
    if not form.validate_on_submit():
        return render_template("second_factor/password.html", form=form), 422 if form.errors else 200
    try:
        if not accounts.is_password_of(current_user, form.password.data):
            form.password.errors = ["That is not your password."]
            return render_template("second_factor/password.html", form=form), 422
    except waits.TooManyAttempts as refusal:
        form.password.errors = [str(refusal)]
        return render_template("second_factor/password.html", form=form), 429, refusal.headers
    session[GIVEN_AT] = int(time.time())
    return redirect(target, 303)
