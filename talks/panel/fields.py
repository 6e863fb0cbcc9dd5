"""What the panel's forms ask for: fields, and what is right in them, by table."""

import hashlib

from flask import current_app
from wtforms import EmailField, HiddenField, SelectField, StringField, ValidationError
from wtforms.validators import Length, Optional, Regexp, StopValidation
from wtforms.widgets import TextInput

import forms
from forms import line
from models import Entry, Event, Talk, User
from talks import embeds, journal_forms
from talks.account_forms import USERNAME, USERNAME_RULE
from talks.panel.tables import STATUS, TALK_STATUS
from talks.wording import language_choices

WEEK_SECONDS = 7 * 24 * 3600
MEANWHILE = (
    "Somebody changed this since you opened it. What you typed is below and not saved. Look at it in another "
    "tab, then save again to replace it."
)


class OnlyTouched:
    """For the form of a row: what nobody touched is neither judged nor written. An import's need not fit.

    `seen` tells how the row was when the form was opened, so that two people notice each other.
    """

    seen = HiddenField()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.sent, self.seen.data = self.seen.data, self.fingerprint()

    def fingerprint(self):
        """A digest of what the row says now in the fields of the form; "" for a new row."""
        if self._obj is None:
            return ""
        said = [(field.name, str(forms.as_typed(field.object_data))) for field in self.asked()]
        return hashlib.sha256(repr(said).encode()).hexdigest()[:32]

    def asked(self):
        """The fields that somebody fills in."""
        return [field for field in self if not isinstance(field, HiddenField)]

    def is_touched(self, field):
        """Whether the field says something else than the row, or cannot be read."""
        if self._obj is None or forms.misread(field):
            return True
        return forms.as_typed(field.data) != forms.as_typed(field.object_data)

    def validate(self, extra_validators=None):
        super().validate(extra_validators)
        for field in self.asked():
            if not self.is_touched(field):
                field.errors = ()
        if self.sent != self.seen.data and any(map(self.is_touched, self.asked())):
            self.form_errors.append(MEANWHILE)
        return not self.errors

    def values(self):
        """{name: value} of what was touched."""
        return {field.short_name: field.data for field in self.asked() if self.is_touched(field)}


class WhenField(forms.CivilDateField):
    """A day, with or without a time, in one line."""

    widget = TextInput()

    def __init__(self, label=None, validators=(), **kwargs):
        # Of the column, which holds text, wtf-peewee adds the length; there is none here.
        super().__init__(label, [check for check in validators if not isinstance(check, Length)], **kwargs)

    def _value(self):
        if self.raw_data:
            return self.raw_data[0]
        return self.data.isoformat().replace("T", " ") if self.data else ""

    def process_formdata(self, valuelist):
        if any(text.strip() for text in valuelist):
            super().process_formdata(valuelist)
        else:
            self.data = None


class ItsField(StringField):
    """For a column `url`. Under that name alone Flask-Admin looks for the page to go back to."""

    def __init__(self, *args, _prefix="", **kwargs):
        super().__init__(*args, _prefix=f"{_prefix}its_", **kwargs)


def player_of(kind):
    """Turn an address or an embed code into the address of a player."""

    def check(form, field):
        try:
            field.data = embeds.recognise(field.data, kind, current_app.config["PEERTUBE_HOSTS"]).address
        except embeds.Refused as refusal:
            raise ValidationError(str(refusal)) from None

    return check


def number(least, most, label):
    said = f"Write a number from {least} to {most}, or nothing."
    return {"label": label, "validators": [Optional(), forms.Between(least, most, said)]}


def offered(form, field):
    """Refuse what is none of the choices. By itself nothing at all would do where a column has a default."""
    if field.data not in dict(field.choices):
        field.errors.clear()
        raise StopValidation("Choose one of these.")


def choice(values, label="Status"):
    return {"label": label, "choices": values, "filters": [forms.trimmed], "validators": [offered]}


PERSON = {
    "username": line(
        User.username.max_length, Regexp(f"{USERNAME.pattern}$", message=USERNAME_RULE),
        required="Choose a username.",
    ),
    "email": line(320, forms.email_address, required="Enter an e-mail address.", label="E-mail"),
    "name": line(User.name.max_length, forms.one_line, required="Give a name."),
    "location": line(User.location.max_length, forms.one_line, label="Place"),
    "website": line(User.website.max_length, forms.web_address),
    "bio": line(10_000, label="About"),
    "is_admin": {"label": "Administrator"},
    "is_speaker": {"label": "Speaker", "description": "May publish talks."},
    "is_trusted": {"label": "Trusted", "description": "Comments and entries are shown at once."},
    "is_active": {"label": "Let in", "description": "Otherwise the account is blocked."},
}  # fmt: skip
PERSON_FIELDS = {"email": EmailField}

TALK = {
    "title": line(Talk.title.max_length, required="Give the talk a title."),
    "description": line(forms.DESCRIPTION),
    "status": choice(TALK_STATUS),
    "date": {
        "description": "Like 2024-05-31, or 2024-05-31 14:30 where the time is known.",
        "validators": [Optional(), forms.not_far_ahead],
    },
    "time_zone": line(
        Talk.time_zone.max_length,
        forms.known_zone,
        label="Time zone",
        description="Of that time: Europe/Berlin, or +02:00.",
    ),
    "duration_s": number(1, WEEK_SECONDS, "Duration in seconds"),
    "language": choice({"": "Not said"} | dict(language_choices()), "Language"),
    "venue": line(Talk.venue.max_length),
    "venue_url": line(Talk.venue_url.max_length, forms.web_address, label="Web address of the venue"),
    "license": line(Talk.license.max_length, label="Licence"),
    "video_url": line(forms.EMBED_CODE, player_of("video"), label="Video"),
    "slides_url": line(forms.EMBED_CODE, player_of("slides"), label="Slides"),
    "discussion": choice(
        {"": "Not chosen: none under an imported talk"} | forms.DISCUSSION, "Questions are shown"
    ),
    "discussion_days": number(1, forms.MOST_DAYS, "Close after so many days"),
}
TALK_FIELDS = {
    "date": WhenField, "language": SelectField, "status": SelectField, "discussion": SelectField,
    "video_url": StringField, "slides_url": StringField,
}  # fmt: skip

EVENT = {
    "title": line(Event.title.max_length, required="Give the event a name."),
    "description": line(forms.DESCRIPTION),
    "venue": line(Event.venue.max_length),
    "url": line(Event.url.max_length, forms.web_address, label="Web address"),
    "series": line(Event.series.max_length, description="The same words for all editions of one conference."),
}
EVENT_FIELDS = {"url": ItsField}

ENTRY = {
    "title": line(Entry.title.max_length, required="Give the entry a title."),
    "body": line(journal_forms.ENTRY, required="Write something.", label="Words"),
    "status": choice(STATUS),
}
COMMENT = {"status": choice(STATUS)}
TAG = {"name": line(64, required="Give the tag a name.")}
