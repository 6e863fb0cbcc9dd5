"""What people type, cleaned: fields that the models bound, and the form of a talk."""

import re
import unicodedata
from datetime import date, datetime, timedelta

from email_validator import EmailNotValidError, validate_email
from flask import current_app, request
from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    HiddenField,
    IntegerField,
    SelectField,
    StringField,
    TextAreaField,
    TimeField,
)
from wtforms.validators import (
    InputRequired,
    Length,
    NumberRange,
    Optional,
    StopValidation,
    ValidationError,
)
from wtfpeewee.orm import model_form

from models import Event, Link, Talk, User
from talks import embeds
from talks.names import fold, fold_tag, slug
from talks.wording import duration, language_choices, language_name, read_duration, read_zone

DESCRIPTION, EMBED_CODE = 20_000, 10_000  # characters
MOST_SPEAKERS, MOST_TAGS, MOST_LINKS = 50, 30, 30
AHEAD = timedelta(days=731)  # of today, a talk's date at most
# A comma ends a name, but not before what belongs to it.
BETWEEN_NAMES = re.compile(r"\n|,(?!\s*(?:Jr|Sr|II|III|Ph\.?D|M\.?D)\b)")
CONTROLS = {"Cc", "Cs"}  # control characters and lone surrogates
OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # turn the text after them
FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and a symbol that no font draws


def trimmed(value):
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else value


def without_controls(form, field):
    """Refuse what no database stores alike, what no page shows, and what turns the text after it."""
    odd = next((c for c in field.data or "" if is_control(c)), None)
    if odd is not None:
        raise ValidationError(f"This holds a character that cannot be shown (U+{ord(odd):04X}). Remove it.")


def is_control(char):
    return char not in "\n\t" and (unicodedata.category(char) in CONTROLS or char in OVERRIDES)


def visible(message):
    """Refuse a line of which nothing can be seen, as if it were empty."""

    def check(form, field):
        # C: controls and formats such as U+200B, M: marks on the letter before them, Z: blanks
        if not any(unicodedata.category(c)[0] not in "CMZ" and c not in FILLERS for c in field.data or ""):
            raise StopValidation(message)  # of what is empty there is no more to say

    return check


def one_line(form, field):
    if len(field.data.splitlines()) > 1 or "\t" in field.data:
        raise ValidationError("Write this on one line.")


def web_address(form, field):
    address = embeds.web_address(field.data)
    if address is None:
        raise ValidationError("Give a whole web address, like https://example.org/page.")
    field.data = address


def email_address(form, field):
    field.data = read_email(field.data)


def read_email(text):
    """A well-formed address, in lower case. Raises ValidationError. Nothing is asked of the network."""
    try:
        found = validate_email(text, check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        raise ValidationError("That is not an e-mail address.") from None
    return found.normalized.lower()


def as_stored(email):
    """An address as `read_email` gives it; what is none in lower case, to be looked for in vain."""
    try:
        return read_email(email)
    except ValidationError:
        return email.lower()


def known_zone(form, field):
    if read_zone(field.data) is None:
        raise ValidationError("Name a time zone like Europe/Berlin, or an offset like +02:00.")


class AtMost(Length):
    """A greatest length. What is longer is shown to no validator after it."""

    def __init__(self, length):
        super().__init__(max=length)

    def __call__(self, form, field):
        try:
            super().__call__(form, field)
        except ValidationError as error:
            raise StopValidation(str(error)) from None


class Between(NumberRange):
    """A whole number from `min` to `max`. NumberRange by itself fails at what no float can hold."""

    def __call__(self, form, field):
        if field.data is not None and not self.min <= field.data <= self.max:
            raise ValidationError(self.message)


def line(length, *more, required=None, **kwargs):
    """Arguments of a field that holds at most `length` characters and is trimmed."""
    asked = [InputRequired(required), visible(required)] if required else [Optional()]
    return kwargs | {
        "filters": [trimmed],
        "validators": [asked[0], AtMost(length), without_controls, *asked[1:], *more],
    }


class CivilDateField(DateField):
    """A day, or a day with a local time (``2024-05-31T14:30``), as `models.CivilDateField` keeps it."""

    def process_formdata(self, valuelist):
        if not valuelist:
            return
        self.data, typed = None, valuelist[0].strip()
        try:
            value = datetime.fromisoformat(typed)
        except ValueError:
            raise ValueError("Write the date as year, month and day, like 2024-05-31.") from None
        if value.tzinfo is not None or value.year < 1900:
            raise ValueError("Write a date after 1900, without a zone, like 2024-05-31.")
        self.data = value if ":" in typed or "T" in typed else value.date()

    def _value(self):
        if self.raw_data:
            return self.raw_data[0]
        return self.data.strftime("%Y-%m-%d") if self.data else ""


def not_far_ahead(form, field):
    day = field.data.date() if isinstance(field.data, datetime) else field.data
    if day and day - date.today() > AHEAD:
        raise ValidationError("That is more than two years ahead. Write the date when the talk is given.")


class Form(FlaskForm):
    """What a page sends. JSON, or a file in the place of a text, is as if nothing had been sent."""

    class Meta(FlaskForm.Meta):
        def wrap_formdata(self, form, formdata):
            if formdata is None or hasattr(formdata, "getlist"):
                return formdata
            return (form.is_submitted() and request.form) or None


TalkColumns = model_form(
    Talk,
    base_class=Form,
    only=("title", "description", "venue", "venue_url", "license", "time_zone"),
    field_args={
        "title": line(Talk.title.max_length, one_line, required="Give the talk a title.", label="Title"),
        "description": line(DESCRIPTION, label="Description"),
        "venue": line(Talk.venue.max_length, label="Place"),
        "venue_url": line(Talk.venue_url.max_length, web_address, label="Web address of the place"),
        "license": line(Talk.license.max_length, label="Licence"),
        "time_zone": line(Talk.time_zone.max_length, known_zone, label="Time zone"),
    },
)


TEXTS = ("title", "description", "venue", "venue_url", "license", "language", "event", "discussion")
DISCUSSION = {
    "moderated": "After a look: each waits until you approve it",
    "open": "At once",
    "members": "From people with an account only; the first of each waits",
    "closed": "Closed: nobody can ask",
}
MOST_DAYS = 3_650


class TalkForm(TalkColumns):
    """A talk. `slides` and `video` take an address or an embed code, and become addresses.

    `values()` is what `publishing.save` takes. A field that still says what the form of its talk said stays
    out of it, and passes: what an import brought may not fit, and need not.
    """

    speakers = TextAreaField("Speakers", **line(10_000))
    video = TextAreaField("Video", **line(EMBED_CODE))
    slides = TextAreaField("Slides", **line(EMBED_CODE))
    event = StringField("Event", **line(Event.title.max_length))
    date = CivilDateField("Date", default=date.today, validators=[Optional(), not_far_ahead])
    time = TimeField("Time", format=["%H:%M", "%H:%M:%S"], validators=[Optional()])
    duration = StringField("Duration", **line(16))
    tags = StringField("Tags", **line(4_000))
    language = SelectField("Language", validators=[Optional()])
    links = TextAreaField("Other links", **line(60_000))
    discussion = SelectField("Questions are shown", choices=DISCUSSION, default="moderated")
    discussion_days = IntegerField(
        "Close after so many days",
        validators=[
            Optional(),
            Between(1, MOST_DAYS, f"Write a number from 1 to {MOST_DAYS}, or nothing: then it stays open."),
        ],
    )
    status = SelectField("Status", choices={"draft": "Draft", "published": "Published"}, default="draft")
    version = HiddenField()  # of the talk when the form was opened, so that two people notice each other

    def __init__(self, talk=None, **kwargs):
        self.stored = typed_values(talk) if talk else {}
        self.untouched = frozenset()
        super().__init__(data=self.stored or {"language": "en"}, **kwargs)
        known = dict(language_choices())
        if talk and talk.language:
            known.setdefault(talk.language, language_name(talk.language))
        self.language.choices = {"": "Not said"} | known

    @property
    def changes_nothing(self):
        """Whether it says what is stored already, as when it is sent twice."""
        return bool(self.stored) and self.untouched | {"version"} >= self.stored.keys()

    def validate(self, extra_validators=None):
        self.untouched = frozenset(
            name
            for name, value in self.stored.items()
            if not misread(self[name]) and as_typed(self[name].data) == as_typed(value)
        )
        super().validate(extra_validators)
        for name in self.untouched:
            self[name].errors = ()
        return not self.errors

    def validate_video(self, field):
        self._recognise(field)

    def validate_slides(self, field):
        self._recognise(field)

    def _recognise(self, field):
        if field.name in self.untouched:
            return
        try:
            found = embeds.recognise(field.data, field.name, current_app.config["PEERTUBE_HOSTS"])
        except embeds.Refused as refusal:
            raise ValidationError(str(refusal)) from None
        field.data, field.hint = found.address, found.hint

    def validate_time(self, field):
        if field.data and not self.date.data:
            raise ValidationError("A time needs its date.")

    def validate_duration(self, field):
        try:
            read_duration(field.data)
        except ValueError as error:
            raise ValidationError(str(error)) from None

    def validate_event(self, field):
        if not slug(field.data):
            raise ValidationError("An event's name needs a letter or a digit.")

    def validate_speakers(self, field):
        names = split_names(field.data)
        if len(names) > MOST_SPEAKERS:
            raise ValidationError(f"At most {MOST_SPEAKERS} speakers; these are {len(names)}.")
        for name in names:
            if not fold(name) or len(name) > User.name.max_length:
                raise ValidationError(
                    f"“{name[:40]}” is not a name of at most {User.name.max_length} letters."
                )
            if name.startswith("@") and not User.is_account(name[1:]):
                raise ValidationError(f"Nobody here has the username “{name[1:41]}”. Write a name instead.")

    def validate_tags(self, field):
        names = split_tags(field.data)
        if len(names) > MOST_TAGS:
            raise ValidationError(f"At most {MOST_TAGS} tags; these are {len(names)}.")
        for name in names:
            if not fold_tag(name) or len(name) > 64:
                raise ValidationError(f"“{name[:40]}” is not a tag of at most 64 letters.")

    def validate_links(self, field):
        lines = [(number, text) for number, text in enumerate(field.data.split("\n"), 1) if text.strip()]
        if len(lines) > MOST_LINKS:
            raise ValidationError(f"At most {MOST_LINKS} links; these are {len(lines)}.")
        for number, text in lines:
            read_link(text, f"Line {number}: ")

    def values(self):
        """Columns of `Talk`, and `speakers`, `tags`, `links`, `event` as plain values."""
        return self._when() | {
            name: read(self[field].data or "")
            for name, (field, read) in READ_FROM.items()
            if field not in self.untouched
        }

    def _when(self):
        if {"date", "time", "time_zone"} <= self.untouched:
            return {}
        day, timed = self.date.data, isinstance(self.date.data, datetime)
        if day and self.time.data and not timed:
            day, timed = datetime.combine(day, self.time.data), True
        return {"date": day, "time_zone": (self.time_zone.data or "") if timed else ""}


def typed_values(talk):
    """What the form of an existing talk shows; `talk` has its speakers, tags and links."""
    timed = isinstance(talk.date, datetime)
    return {
        "title": talk.title, "description": talk.description, "venue": talk.venue, "license": talk.license,
        "venue_url": talk.venue_url, "time_zone": talk.time_zone, "language": talk.language,
        "video": talk.video_url, "slides": talk.slides_url, "status": talk.status,
        "event": talk.event.title if talk.event else "",
        "date": talk.date.date() if timed else talk.date,
        "time": talk.date.time().replace(second=0, microsecond=0) if timed else None,
        "duration": duration(talk.duration_s),
        "speakers": "\n".join(speaker.name for speaker in talk.speakers),
        "tags": ", ".join(tag.name for tag in talk.tags),
        "links": "\n".join(f"{link.url} {link.label}".strip() for link in talk.links),
        "discussion": talk.discussion_rule,
        "discussion_days": talk.discussion_days,
        "version": talk.updated_at.isoformat(),
    }  # fmt: skip


def misread(field):
    """Whether something was typed that the field could not read; nothing typed is nothing wrong."""
    return field.process_errors and any(text.strip() for text in field.raw_data)


def as_typed(value):
    """`value` as it comes back from a browser: other line ends, no blanks around it, "" for None."""
    if isinstance(value, str):
        return trimmed(value).replace("\r", "\n")
    return "" if value is None else value


def split_names(text):
    return without_repeats((part.strip() for part in BETWEEN_NAMES.split(text)), key_of)


def key_of(name):
    """What makes two names of speakers one; an account is named by `@username`."""
    return name.lower() if name.startswith("@") else fold(name)


def split_tags(text):
    return without_repeats((part.strip() for part in re.split(r"[,\n]", text)), fold_tag)


def without_repeats(names, key):
    """The names that are not empty, each once by its key, in order."""
    first = {}
    for name in names:
        if name:
            first.setdefault(key(name), name)
    return list(first.values())


def read_link(text, where=""):
    """(address, label) of one line. Raises ValidationError."""
    address, label = [*text.split(maxsplit=1), "", ""][:2]
    found = embeds.web_address(address)
    if found is None:
        raise ValidationError(f"{where}begin with a whole web address, then a space and what it is.")
    if len(label.strip()) > Link.label.max_length:
        raise ValidationError(f"{where}say what it is in at most {Link.label.max_length} characters.")
    return found, label.strip()


def read_links(text):
    return [read_link(line) for line in text.split("\n") if line.strip()]


READ_FROM = {  # what `TalkForm.values` gives -> the field it is typed in, and how that is read
    **{name: (name, str) for name in TEXTS},
    "video_url": ("video", str),
    "slides_url": ("slides", str),
    "duration_s": ("duration", read_duration),
    "discussion_days": ("discussion_days", lambda days: days or None),
    "speakers": ("speakers", split_names),
    "tags": ("tags", split_tags),
    "links": ("links", read_links),
}
