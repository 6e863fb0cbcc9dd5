"""Synthetic archives: a SQLite file of any number of talks, alike but for their number.

Talks come event by event, as an import brings them; within an event their days are mixed. One event holds a
tenth of all talks and one tag half of them, so that a long list is read by every index.
"""

import random
from datetime import date, timedelta
from typing import NamedTuple

from models import TABLES, Event, Tag, Talk, TalkSpeaker, TalkTag, User
from talks.databases import open_database
from talks.names import fold, fold_tag

FIRST_DAY, DAYS = date(2000, 1, 1), 9000
UNDATED = 10  # the last ones
TALKS_PER_EVENT, TALKS_PER_SPEAKER, TALKS_PER_TAG = 50, 5, 100
LARGE_EVENT, LARGE_TAG = 1, 1  # ids
WORDS = "async testing data typing packaging graphs parsers caches queues closures iterators profiles".split()
SENTENCE = "What went wrong, how it was found, and what to do so that it does not happen again. "


class Archive(NamedTuple):
    """What to make, in numbers."""

    talks: int

    @property
    def events(self):
        return 2 + self.talks // TALKS_PER_EVENT

    @property
    def speakers(self):
        return 1 + self.talks // TALKS_PER_SPEAKER

    @property
    def tags(self):
        return 2 + self.talks // TALKS_PER_TAG


def build(path, talks):
    """Make the file at `path`, complete with indexes and counts."""
    archive, database = Archive(talks), open_database(f"sqlite:///{path}")
    with database.connection_context(), database.bind_ctx(TABLES):
        for pragma in ("foreign_keys = 0", "synchronous = 0", "cache_size = -200000"):
            database.execute_sql(f"PRAGMA {pragma}")
        for model in TABLES:
            model._schema.create_table()
        with database.atomic():
            fill(database, archive)
        for model in TABLES:
            model._schema.create_indexes()
        recount(database)
        database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def fill(database, archive):
    mixed = random.Random(1)  # the same archive every time
    insert(database, User, ("id", "username", "name", "name_key", "is_speaker"), people(archive))
    insert(database, Event, ("id", "slug", "title", "starts_on"), events(archive))
    insert(database, Tag, ("id", "slug", "name", "key"), tags(archive))
    dates = [date_of(number, mixed) for number in range(1, archive.talks + 1 - UNDATED)] + [""] * UNDATED
    insert(database, Talk, TALK_FIELDS, talks(archive, dates))
    insert(database, TalkSpeaker, ("talk", "user", "position"), speakers(archive, mixed))
    insert(database, TalkTag, ("talk", "tag", "date"), talk_tags(archive, dates))


def insert(database, model, names, rows):
    """Insert tuples of the fields `names`; every other column holds its default."""
    fields = [model._meta.fields[name] for name in names]
    rest = [field for field in model._meta.sorted_fields if field.name not in {"id", *names}]
    defaults = tuple(field.db_value(default_of(field)) for field in rest)
    columns = ", ".join(f'"{field.column_name}"' for field in [*fields, *rest])
    marks = ", ".join("?" * (len(fields) + len(rest)))
    statement = f'INSERT INTO "{model._meta.table_name}" ({columns}) VALUES ({marks})'
    database.connection().executemany(statement, (row + defaults for row in rows))


def default_of(field):
    return field.default() if callable(field.default) else field.default


def people(archive):
    for number in range(1, archive.speakers + 1):
        name = f"{chr(97 + number % 26).upper()}da Speaker {number}"
        yield number, f"speaker-{number}", name, fold(name), 1


def events(archive):
    for number in range(1, archive.events + 1):
        yield number, f"event-{number}", f"Conference {number}", day_of_event(number)


def day_of_event(number):
    return (FIRST_DAY + timedelta(days=number * 37 % DAYS)).isoformat()


def tags(archive):
    for number in range(1, archive.tags + 1):
        name = f"{WORDS[number % len(WORDS)]} {number}"
        yield number, f"tag-{number}", name, fold_tag(name)


def event_of(archive, number):
    """The first tenth of the talks belongs to one event, the others come in blocks."""
    return LARGE_EVENT if number <= archive.talks // 10 else 2 + number // TALKS_PER_EVENT


def date_of(number, mixed):
    base = number // TALKS_PER_EVENT * 37 % DAYS
    return (FIRST_DAY + timedelta(days=base + mixed.randrange(5))).isoformat()


TALK_FIELDS = (
    "id", "title", "slug", "description", "description_html", "video_url", "date", "duration_s", "language",
    "status", "event",
)  # fmt: skip


def talks(archive, dates):
    for number, day in enumerate(dates, start=1):
        title = f"On {WORDS[number % 12]} and {WORDS[number // 12 % 12]}, part {number}"
        text, video = SENTENCE * 3, f"https://vimeo.com/{number + 10_000_000}"
        yield (
            number, title, f"talk-{number}", text, f"<p>{text}</p>", video, day, 600 + number % 3000, "en",
            "published", event_of(archive, number),
        )  # fmt: skip


def speakers(archive, mixed):
    """One speaker each, and a second for every third talk."""
    for number in range(1, archive.talks + 1):
        first = mixed.randrange(archive.speakers)
        yield number, 1 + first, 0
        if number % 3 == 0:
            yield number, 1 + (first + 1) % archive.speakers, 1


def talk_tags(archive, dates):
    for number, day in enumerate(dates, start=1):
        if number % 2:
            yield number, LARGE_TAG, day
        yield number, 2 + number % (archive.tags - 1), day


def recount(database):
    """`talk_count` of everybody, as the verbs keep it: every talk here is published."""
    for table, rows, column in (("user", "talk_speaker", "user_id"), ("tag", "talk_tag", "tag_id")):
        counted = f'(SELECT count(*) FROM "{rows}" WHERE "{rows}"."{column}" = "{table}".id)'
        database.execute_sql(f'UPDATE "{table}" SET talk_count = {counted}')
    counted = "(SELECT count(*) FROM talk WHERE talk.event_id = event.id AND talk.status = 'published')"
    database.execute_sql(f"UPDATE event SET talk_count = {counted}")
