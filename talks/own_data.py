"""What is held about oneself: downloading it, and deleting one's account."""

import tempfile

from flask import (
    Blueprint,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    send_file,
    session,
    url_for,
)
from flask_login import current_user, login_required, logout_user
from wtforms import PasswordField, RadioField
from wtforms.validators import InputRequired

from forms import Form
from models import FORMER_MEMBER, Talk, database, utcnow
from talks import audit, avatars, departure, rights, sessions
from talks.exchange import takeout
from talks.reauthentication import answer, knows_password

IN_MEMORY = 2 * 2**20  # bytes of a download; what is longer goes to a file that has no name

bp = Blueprint("own_data", __name__, url_prefix="/profile")


class DepartureForm(Form):
    """What becomes of what one leaves. Who takes talks over is read by `chosen_heirs`."""

    words = RadioField(
        "What you wrote",
        choices={"stay": f"Stays where it is, by “{FORMER_MEMBER}”", "go": "Is deleted"},
        default="stay",
    )
    name = RadioField(
        "Your name on talks",
        choices={"stays": "Stays, with a page that is nobody's account", "goes": "Is taken out"},
        default="stays",
    )
    password = PasswordField("Your password", validators=[InputRequired("Enter your password.")])


@bp.get("/download")
@login_required
def ask_download():
    return render_template("own_data/download.html")


@bp.post("/download")
@login_required
def download():
    """A ZIP of everything."""
    me, now = current_user._get_current_object(), utcnow()
    with database.atomic():
        audit.record("user.download", me, by=me)
    file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115, sending it closes it
    picture = avatars.folder() / me.avatar if avatars.NAME.fullmatch(me.avatar) else None
    takeout.write(file, me, picture, current_app.config["SITE_NAME"], now)
    file.seek(0)
    response = send_file(
        file, "application/zip", as_attachment=True, download_name=f"{me.username}-{now:%Y-%m-%d}.zip"
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.route("/delete", methods=["GET", "POST"])
@login_required
def delete():
    """Delete one's account, after the password."""
    form, me = DepartureForm(), current_user._get_current_object()
    talks = departure.possible_heirs(me)
    if not Talk.ids_spoken_by(me).exists():
        del form.name
    if not form.validate_on_submit() or not knows_password(me, form.password, form):
        return answer("own_data/delete.html", form, talks=talks)
    keeps_name = "name" in form and form.name.data == "stays"
    try:
        departure.leave(me, avatars.folder(), form.words.data == "stay", keeps_name, chosen_heirs(talks))
    except rights.NotPossible as refusal:
        form.form_errors.append(str(refusal))
        return answer("own_data/delete.html", form, talks=talks)
    logout_user()
    session.clear()
    sessions.keep("")
    flash("Your account is deleted. A mail to your address says so.", "success")
    return redirect(url_for("timeline.index"), 303)


def chosen_heirs(talks):
    """{id of a talk: who was chosen to take it over}"""
    named = {talk.id: request.form.get(f"heir-{talk.id}", "") for talk, _ in talks}
    return {talk.id: person for talk, able in talks for person in able if person.username == named[talk.id]}
