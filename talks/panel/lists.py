"""How the panel finds rows: search, filters, type-ahead, one row by what an address says.

Flask-Admin's own filters are not used: they compare naive times, mind the case where the database does, take
wildcards as such, and let through what a column cannot hold.
"""

import re
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from operator import and_, or_

from peewee import fn

MOST_WORDS, LONGEST = 6, 100  # of a search; characters
MOST_OFFERED = 20  # at once, while somebody types
DEEPEST = 1000  # page, or what was offered before
NUMBER = re.compile("[1-9][0-9]{0,17}")


def by_id(query, model, text):
    """The row of that id as somebody wrote it, or None."""
    if not is_id(text):
        return None
    return query.where(model.id == int(text)).first()


def is_id(text):
    """Whether it is one id; an address may say several, or none."""
    return isinstance(text, str) and NUMBER.fullmatch(text) is not None


def numbers(texts, most):
    """At most so many ids, each once; what is none is left out."""
    return [int(text) for text in dict.fromkeys(texts) if is_id(text)][:most]


def matching(text, columns):
    """The condition that each word of `text` stands in one of `columns`; None for no words."""
    shown = "".join(char if char.isprintable() else " " for char in text[:LONGEST])
    conditions = [
        reduce(or_, (holds(column, word) for column in columns)) for word in shown.split()[:MOST_WORDS]
    ]
    return reduce(and_, conditions) if conditions else None


class Called:
    """A column that is searched also by what its values are called: {"talk.edit": "changed a talk"}."""

    def __init__(self, column, called):
        self.column, self.called, self.name = column, called, column.name


def holds(column, word):
    """As typed or in lower case: SQLite knows only the capitals of English, MariaDB minds the case."""
    if isinstance(column, Called):
        these = [value for value, words in column.called.items() if word.lower() in words.lower()]
        return holds(column.column, word) | column.column.in_(these)
    return fn.LOWER(column).contains(word.lower()) | column.contains(word)


class Filter:
    """A filter of a list, as Flask-Admin asks for one; `said` is how its condition is called.

    `options` are the values to choose from, None for any; `data_type` is what asks for one in the browser.
    """

    said = "is"
    options = data_type = None

    def __init__(self, column, name):
        self.column, self.name = column, name

    def operation(self):
        return self.said

    def get_options(self, view):
        return self.options

    def clean(self, value):
        """What `apply` takes. Raises ValueError."""
        return value

    def validate(self, value):
        try:
            self.clean(value)
        except ValueError:
            return False
        return True

    def apply(self, query, value):
        return query.where(self.column == value)


class Is(Filter):
    """One of a few values: {"draft": "Draft"}."""

    def __init__(self, column, name, values):
        super().__init__(column, name)
        self.options = list(values.items())

    def validate(self, value):
        return value in dict(self.options)


class YesNo(Is):
    def __init__(self, column, name):
        super().__init__(column, name, {"1": "Yes", "0": "No"})

    def apply(self, query, value):
        return query.where(self.column == (value == "1"))


class IsSet(YesNo):
    """Whether there is anything in a column that may be NULL."""

    def apply(self, query, value):
        return query.where(self.column.is_null(value == "0"))


class Holds(Filter):
    said = "contains"

    def apply(self, query, value):
        condition = matching(value, [self.column])
        return query if condition is None else query.where(condition)


class IsNumber(Filter):
    def clean(self, value):
        if not NUMBER.fullmatch(value):
            raise ValueError(value)
        return int(value)


class Since(Filter):
    """From a day on, in UTC."""

    said, data_type = "since", "datepicker"

    def clean(self, value):
        day = date.fromisoformat(value)
        if day.year > 9998:
            raise ValueError(value)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)

    def apply(self, query, value):
        return query.where(self.column >= value)


class Until(Since):
    """To the end of a day, in UTC."""

    said = "until"

    def apply(self, query, value):
        return query.where(self.column < value + timedelta(days=1))


def between(column, name):
    return [Since(column, name), Until(column, name)]


class Lookup:
    """Offers rows of `model` while somebody types: with the words in `columns`, called as `label` says.

    `name` is that of the form's field.
    """

    def __init__(self, name, model, columns, label):
        self.name, self.options = name, {"minimum_input_length": 1, "placeholder": "None"}
        self.model, self.columns, self.label = model, columns, label

    def format(self, row):
        return (row.id, self.label(row)) if row else None

    def get_one(self, text):
        return by_id(self.model.select(), self.model, text)

    def get_list(self, text, offset=0, limit=MOST_OFFERED):
        condition = matching(text or "", self.columns)
        if condition is None:
            return []
        offset = min(max(offset or 0, 0), DEEPEST)
        limit = min(max(limit or 0, 1), MOST_OFFERED)
        rows = self.model.select(self.model.id, *self.columns).where(condition)
        return list(rows.order_by(self.model.id.desc()).offset(offset).limit(limit))
