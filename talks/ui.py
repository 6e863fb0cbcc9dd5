"""Every partial with sample data, in all its states. Pages are built from these; new ones join here first."""

from datetime import UTC, date, datetime
from types import SimpleNamespace

from flask import Blueprint, abort, current_app, render_template
from markupsafe import Markup
from wtforms import BooleanField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from forms import Form
from talks import embeds

bp = Blueprint("ui", __name__)

NAMES = ("Ada Lovelace", "Bob Kahn", "Łucja Żak", "김철수", "محمد علي", "Grace Hopper", "Carol Shaw")
LONG_TITLE = (
    "How we rebuilt the data pipeline of a mid-sized European railway with Python, three interns, one very "
    "old mainframe and far too much coffee, and what we would do differently after five years of it"
)


class SampleForm(Form):
    """A field of each kind; `title` and `description` are wrong when it is validated empty."""

    title = StringField("Title", validators=[InputRequired("Give the talk a title.")])
    description = TextAreaField("Description", validators=[InputRequired("Say what it is about.")])
    language = SelectField("Language", choices=[("en", "English"), ("fr", "French")])
    remember_me = BooleanField("Keep me signed in")


def person(name, number=0):
    return SimpleNamespace(username=f"person-{number}", name=name, avatar="", talk_count=number)


PEOPLE = [person(name, number) for number, name in enumerate(NAMES)]
CROWD = [person(f"Speaker Number {number}", number) for number in range(34)]


def talk(number, title, **values):
    """A talk as the partials see it."""
    standard = {
        "id": number, "title": title, "speakers": PEOPLE[:1], "date": date(2019, 5, 3), "time_zone": "",
        "event": SimpleNamespace(slug="pycon-us-2019", title="PyCon US 2019"), "duration_s": 1694,
        "language": "en", "is_draft": False, "is_deleted": False, "picture_url": None,
        "comment_count": number % 4,
    }  # fmt: skip
    return SimpleNamespace(**standard | values)


TALKS = (
    talk(1, "Loop better: a deeper look at iteration"),
    talk(2, LONG_TITLE, speakers=CROWD, duration_s=3725),
    talk(3, "파이썬으로 배우는 데이터 과학", language="ko", speakers=PEOPLE[3:4]),
    talk(4, "مقدمة في بايثون للمبتدئين", language="ar", speakers=PEOPLE[4:5], duration_s=None),
    talk(5, "With a time and its zone", date=datetime(2019, 5, 3, 15), time_zone="Europe/Berlin"),
    talk(6, "Nothing but a title", speakers=[], date=None, event=None, duration_s=None, language=""),
    talk(7, "A draft", is_draft=True),
    talk(8, "Deleted", is_deleted=True, speakers=PEOPLE[:2]),
)
PICTURES = [talk(100 + number, "", event=None, speakers=PEOPLE[number % 7 :][:1]) for number in range(36)]


def comment(number, **values):
    """A comment as it stands under a talk."""
    standard = {
        "id": number, "number": number, "author": None, "shown_name": NAMES[number % 7], "status": "approved",
        "body_html": Markup("<p>How do you find out <em>where</em> a map lies?</p>"), "edited_at": None,
        "created_at": datetime(2019, 5, 3, 15, tzinfo=UTC), "is_readable": True, "is_mine": False,
        "by_speaker": False, "reported_at": None, "author_email": None, "is_editable": False,
    }  # fmt: skip
    return SimpleNamespace(**standard | values)


COMMENTS = (
    comment(1, edited_at=datetime(2019, 5, 3, 16, tzinfo=UTC)),
    comment(2, author=PEOPLE[0], shown_name=PEOPLE[0].name, by_speaker=True),
    comment(3, status="pending", is_mine=True, is_editable=True),
    comment(4, status="deleted", is_mine=True, is_readable=False),
    comment(5, status="rejected", is_readable=False),
)
PAGES = {
    "first": SimpleNamespace(previous=None, next="?before=2019"),
    "between": SimpleNamespace(previous="?after=2019", next="?before=2018"),
    "last": SimpleNamespace(previous="?after=2018", next=None),
}


@bp.get("/-/ui")
def ui():
    """The sheet of partials: in development only."""
    if current_app.config["TALKS_CONFIG"] != "development":
        abort(404)
    empty, wrong = SampleForm(formdata=None), SampleForm(formdata=None, prefix="wrong-", meta={"csrf": False})
    wrong.validate()
    players = {
        "video": embeds.player("https://www.youtube.com/watch?v=dQw4w9WgXcQ", ()),
        "slides": embeds.player("https://speakerdeck.com/player/0123456789abcdef0123456789abcdef", ()),
    }
    return render_template(
        "ui/ui.html", talks=TALKS, pictures=PICTURES, people=PEOPLE, crowd=CROWD, pages=PAGES, form=empty,
        wrong=wrong, players=players, counts=[(2024, 3), (2023, 1), (2021, 9), (2019, 4)],
        kinds=("success", "info", "warning", "error"), comments=COMMENTS,
    )  # fmt: skip
