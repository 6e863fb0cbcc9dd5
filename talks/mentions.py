"""Whether an entry of the journal shows under the talk that it names.

Who decides about the questions of that talk decides: not who decides about the entry. Both are asked in the
same queue, by the same verbs: so a mention is a row of its own to them, although it is some columns of Entry.
"""

from peewee import JOIN, ForeignKeyField

from models import BaseModel, Entry, Talk, UnderTalk, User, with_author_and_talk
from talks.fields import CharField, TextField, UTCDateTimeField

MOST_SHOWN = 20  # under one talk: its page stays a page


class Mention(UnderTalk, BaseModel):
    """A second look at the rows of Entry. `status` is pending, approved or rejected; "" without a talk."""

    KIND = "mention"

    author = ForeignKeyField(User, null=True, backref="+")
    title = CharField(255)
    body_html = TextField()
    created_at = UTCDateTimeField()
    edited_at = UTCDateTimeField(null=True)
    entry_status = CharField(12, column_name="status")
    talk = ForeignKeyField(Talk, null=True, backref="+")
    status = CharField(12, column_name="talk_status")
    was = CharField(12, column_name="talk_was")
    decided_at = UTCDateTimeField(null=True, column_name="talk_decided_at")

    class Meta:
        table_name = Entry._meta.table_name

    shown_name = Entry.shown_name

    @classmethod
    def rows(cls):
        """Mentions with their authors and talks (a query)."""
        return with_author_and_talk(cls, cls)

    @classmethod
    def for_moderation(cls, user, own=False):
        """Ids and times of what waits for `user`, of entries that everybody reads (a query)."""
        return cls.those_waiting(user, own, cls.status == "pending", cls.entry_status == "approved")

    @classmethod
    def under(cls, talk, moderates):
        """What stands under `talk`, newest first; for who decides about it also what waits (a query)."""
        statuses = ["approved", "pending"] if moderates else ["approved"]
        there = cls.talk == talk, cls.status.in_(statuses), cls.entry_status == "approved"
        columns = cls.id, cls.title, cls.created_at, cls.status, cls.was, cls.talk
        rows = cls.select(*columns, User.id, User.username, User.name).join(
            User, JOIN.LEFT_OUTER, on=cls.author
        )
        return rows.where(*there).order_by(cls.created_at.desc(), cls.id.desc()).limit(MOST_SHOWN)
