"""What people type for the journal."""

import re
from urllib.parse import urlsplit

from flask import current_app, request
from wtforms import StringField, TextAreaField, ValidationError
from wtfpeewee.orm import model_form

from forms import Form, line, one_line
from models import Entry, Talk

ENTRY = 20_000  # characters
# As it stands in the bar of a browser, or the number alone.
TALK_ADDRESS = re.compile(
    r"(?:(?:https?://([^/?#]*))?/talk/)?([1-9][0-9]{0,17})(?:-[^/?#]*)?/?(?:[?#].*)?", re.IGNORECASE
)


EntryColumns = model_form(
    Entry,
    base_class=Form,
    only=("title", "body"),
    field_args={
        "title": line(Entry.title.max_length, one_line, required="Give the entry a title.", label="Title"),
        "body": line(ENTRY, required="Write something first.", label="Text"),
    },
)


class EntryForm(EntryColumns):
    """An entry of the journal. `values()` is what `journal.write` and `journal.edit` take.

    `talk` takes the address of a published talk, or its number; `named` is the one that the form's entry
    names already, which may stay whatever became of it.
    """

    talk = StringField("About a talk", **line(2_000))

    def __init__(self, named=None, **kwargs):
        super().__init__(**kwargs)
        self.named = named

    def validate_talk(self, field):
        found = TALK_ADDRESS.fullmatch(field.data)
        ours = (None, request.host, urlsplit(current_app.config["SITE_URL"]).netloc)
        if not found or found[1] not in ours:
            raise ValidationError("Give the address of a talk of this site, like /talk/12.")
        if self.named is None or int(found[2]) != self.named.id:
            self.named = Talk.get_or_none(Talk.id == int(found[2]), Talk.status == "published")
        if self.named is None:
            raise ValidationError("There is no such talk, or it is not published.")

    def values(self):
        talk = self.named if self.talk.data else None
        return {"title": self.title.data, "body": self.body.data, "talk": talk}


class EntryTextForm(Form):
    """The text alone: to see how it will look."""

    body = TextAreaField("Text", **line(ENTRY, required="Write something first."))
