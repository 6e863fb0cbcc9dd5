"""Being signed in: a row for each browser, the two cookies that name it, and the list of them.

The site's own cookie goes when the browser is closed. Who asks to be kept signed in has another, which holds
a token of its own and does nothing but begin the session anew. Both tokens are others then, so a copy of the
cookie is good until its owner comes back, or its owner is signed out and sees that something is wrong.
"""

from flask import (
    Blueprint,
    after_this_request,
    flash,
    has_request_context,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import LoginManager, current_user, login_required, login_user, logout_user

from models import Session, database
from talks import audit, networks

COOKIE = "talks_remember"
# What browsers call themselves, the more particular first: all claim to be others too.
BROWSERS = {
    "Edg/": "Edge", "OPR/": "Opera", "Vivaldi/": "Vivaldi", "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox", "FxiOS/": "Firefox", "CriOS/": "Chrome", "Chromium/": "Chromium",
    "Chrome/": "Chrome", "Safari/": "Safari",
}  # fmt: skip
SYSTEMS = {
    "iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "CrOS": "ChromeOS", "Windows": "Windows",
    "Mac OS X": "macOS", "Linux": "Linux", "BSD": "BSD",
}  # fmt: skip

bp = Blueprint("sessions", __name__, url_prefix="/auth/sessions")
login_manager = LoginManager()
login_manager.session_protection = None  # the session is a row of ours, not a guess from the browser's name


def begin(user, remembered):
    """Sign `user` in in this browser."""
    with database.atomic():
        user.session_token = Session.begin(user, remembered, user_agent(), networks.of_request())
        lasting = Session.remember(user.session_token) if remembered else ""
        audit.record("session.begin", user, by=user)
    session.clear()
    session.permanent = False
    login_user(user)
    keep(lasting)


def resume(lasting):
    """(who is remembered by that token, the token for the next time), with the session begun anew.

    Of requests that bring it at once one does that: the token for the others is None, as that one answers
    the browser. Where nobody is remembered both are None.
    """
    row, fresh = Session.remembered_by(lasting), None
    if row is not None:
        with database.atomic():
            if fresh := row.resume(user_agent(), networks.of_request()):
                audit.record("session.resume", row.user, by=row.user)
    if fresh is None:
        return Session.user_just_remembered_by(lasting), None
    row.user.session_token, lasting = fresh
    return row.user, lasting


def leave():
    """Sign out in this browser."""
    with database.atomic():
        audit.record("session.end", current_user._get_current_object())
        Session.end(current_user.session_token)
    logout_user()
    session.clear()
    keep("")


def end(user, session_id):
    """End one session of `user`. False if it is not there, or another's."""
    with database.atomic():
        if not Session.delete().where(Session.id == session_id, Session.user == user).execute():
            return False
        audit.record("session.end", user, by=user)
    return True


def end_others(user):
    """End all sessions of `user` but this browser's, and all tokens of the API."""
    with database.atomic():
        go_on_alone(user, user.session_token)
        audit.record("session.end_others", user, by=user)


def go_on_alone(user, token):
    """End all sessions of `user` but that of `token`, if any, and all tokens of the API.

    That one goes on in this browser with other tokens: whoever has a copy of its cookies is out as well.
    Call it in the transaction of what it is about.
    """
    fresh = Session.end_others(user, token)
    if fresh is None:
        return
    user.session_token, lasting = fresh
    if has_request_context():
        session["_user_id"] = user.session_token
        keep(lasting)


def user_agent():
    """What the browser says it is."""
    return request.headers.get("User-Agent", "").encode("ascii", "replace").decode()


def keep(lasting):
    """Have this browser keep that token; "": none any more."""
    if not lasting and COOKIE not in request.cookies:
        return

    @after_this_request
    def set_cookie(response):
        seconds = int(Session.REMEMBERED.total_seconds()) if lasting else 0
        response.set_cookie(
            COOKIE, lasting, max_age=seconds, httponly=True, samesite="Lax", secure=request.is_secure
        )
        return response


@login_manager.user_loader
def load_user(token):
    return Session.user_of(token)


@login_manager.request_loader
def remembered_user(request):
    """Who asked to be kept signed in, with the session begun anew. No cookie counts under /api/."""
    lasting = request.cookies.get(COOKIE)
    if not lasting or request.path.startswith("/api/"):
        return None
    user, lasting = resume(lasting)
    if lasting:
        session["_user_id"] = user.get_id()
    if lasting or not user:
        keep(lasting or "")
    return user


def browser_name(text):
    """``Firefox on Linux`` of what a browser says it is."""
    browser = next((name for sign, name in BROWSERS.items() if sign in text), "A browser")
    system = next((name for sign, name in SYSTEMS.items() if sign in text), "")
    return f"{browser} on {system}" if system else browser


@bp.get("")
@login_required
def index():
    """Where one is signed in."""
    return render_template(
        "accounts/sessions.html", sessions=list(Session.of(current_user._get_current_object())),
        name_of=browser_name, here=networks.of_request(),
    )  # fmt: skip


@bp.post("/<id:session_id>/end")
@login_required
def end_one(session_id):
    """End one of them; one's own is signing out."""
    found = Session.get_or_none(Session.id == session_id, Session.user == current_user.id)
    if found is not None and found.has(current_user.session_token):
        leave()
        flash("Signed out.", "success")
        return redirect(url_for("timeline.index"), 303)
    if end(current_user._get_current_object(), session_id):
        flash("That browser is signed out.", "success")
    else:
        flash("Nothing changed: that browser is not signed in to your account.", "info")
    return redirect(url_for(".index"), 303)


@bp.post("/end")
@login_required
def end_all_others():
    """End all but this one."""
    end_others(current_user._get_current_object())
    flash("You are signed out everywhere but here.", "success")
    return redirect(url_for(".index"), 303)
