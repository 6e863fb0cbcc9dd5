"""Columns that hold the same on SQLite, PostgreSQL, MariaDB and MySQL.

What a column cannot hold is refused here, before any database is asked: each would refuse, cut or keep
something else. To look for such a value is no mistake. It is found nowhere, on all of them.
"""

import json
from datetime import UTC, date, datetime

import peewee
from peewee import SQL, Context, DateTimeField

INTEGER_BITS = {"SMALLINT": 16, "INT": 32, "AUTO": 32, "BIGINT": 64, "BIGAUTO": 64}


class BadValue(ValueError):
    """A value that its column cannot hold; the message names model and field, and says why."""

    def __init__(self, field, reason):
        super().__init__(f"{field.model.__name__}.{field.name} {reason}")
        self.field = field


class Statement(Context):
    """A statement in which nothing equals, precedes or follows what its column cannot hold."""

    def value(self, value, converter=None, add_param=True):
        try:
            return super().value(value, converter, add_param)
        except BadValue:
            if converter:  # a value to be written
                raise
            return self.literal("NULL")


class _Text:
    """Text without NUL and half characters, which not every database takes, sorted by code point."""

    max_length = None

    def db_value(self, value):
        value = super().db_value(value)
        if value is None:
            return None
        if self.max_length and len(value) > self.max_length:
            raise BadValue(self, f"holds at most {self.max_length} characters, not {len(value)}")
        if "\0" in value:
            raise BadValue(self, "holds text, and there is no NUL in text")
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise BadValue(self, "holds text, and half a character is none")
        return value

    def ddl_datatype(self, ctx):
        datatype = super().ddl_datatype(ctx)
        collation = ctx and ctx.state.text_collation
        return SQL(f"{datatype.sql} COLLATE {collation}") if collation else datatype


class CharField(_Text, peewee.CharField):
    pass


class TextField(_Text, peewee.TextField):
    pass


class _Integer:
    def db_value(self, value):
        value = super().db_value(value)
        limit = 1 << INTEGER_BITS[self.field_type] - 1
        if value is not None and not -limit <= value < limit:
            raise BadValue(self, f"holds whole numbers from {-limit} to {limit - 1}")
        return value


class IntegerField(_Integer, peewee.IntegerField):
    pass


class SmallIntegerField(_Integer, peewee.SmallIntegerField):
    pass


class BigIntegerField(_Integer, peewee.BigIntegerField):
    pass


class AutoField(_Integer, peewee.AutoField):
    pass


class UTCDateTimeField(DateTimeField):
    """A moment: aware and UTC in Python, naive UTC to the microsecond in the database."""

    def db_value(self, value):
        if value is None:
            return None
        if value.tzinfo is None:
            raise BadValue(self, f"needs an aware time, not {value!r}")
        try:
            return super().db_value(value.astimezone(UTC).replace(tzinfo=None))
        except OverflowError:
            raise BadValue(self, f"holds the years 1 to 9999 in UTC, not {value!r}") from None

    def python_value(self, value):
        value = super().python_value(value)
        return value and value.replace(tzinfo=UTC)


class CivilDateField(CharField):
    """A day, or a day with the local time: None, a `date`, or a naive `datetime`.

    Kept as text (RFC 3339, "" for none), which sorts alike on every database, with what has no date at one
    end instead of wherever the engine puts NULL. A string passes as it is, for comparisons such as "2019".
    """

    def __init__(self, **kwargs):
        super().__init__(max_length=19, default="", **kwargs)

    def db_value(self, value):
        if not isinstance(value, str):
            value = value.isoformat()[:19] if value else ""
        return super().db_value(value)

    def python_value(self, value):
        if not value:
            return None
        return datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)


class LowerCharField(CharField):
    """Text that is the same in any letter case: stored in lower case, so every database agrees."""

    def db_value(self, value):
        return super().db_value(value and value.lower())


class JSONTextField(TextField):
    """A dict as JSON text."""

    def db_value(self, value):
        return super().db_value(json.dumps(value or {}, ensure_ascii=False, separators=(",", ":")))

    def python_value(self, value):
        return json.loads(value or "{}")
