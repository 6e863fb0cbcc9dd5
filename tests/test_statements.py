"""How often a page asks the database: a bound that neither talks nor their speakers and tags can raise."""

from contextlib import contextmanager
from datetime import date

import pytest

from models import Entry, Event, Link, Tag, Talk, TalkSpeaker, TalkTag, User
from talks import publishing

# As a visitor; a page of talks asks for the talks, then for all their speakers at once.
MOST = {
    "/": 4,
    "/talk/1": 7,  # talk, speakers, tags, links, a neighbour on either side, entries about it
    "/events": 1,
    "/event/event": 4,  # event, talks, speakers, other editions
    "/tags": 1,
    "/tag/tag-0": 3,
    "/speakers": 1,
    "/user/person-0": 6,  # person, talks, their speakers, years, events, entries
    "/journal/": 1,
    "/journal/1": 3,  # entry, the talk that it is about, its speakers
    "/about": 0,
    "/auth/login": 0,
    "/nothing-here": 2,
}
SIGNED_IN = 4  # more than a visitor: session, drafts and waiting comments in the menu, a visit once an hour
WRITERS = {"/new": 5, "/edit/1": 10, "/mine": 8, "/profile": 4}


def fill(talks, speakers, tags):
    """Talks with so many speakers and tags each, all of one event, of a series, and with links."""
    for number in range(9):
        Event.create(slug=f"e{number}", title=f"E {number}", series="E", talk_count=1)
    event = Event.create(slug="event", title="Event", series="E")
    names = [f"person-{number}" for number in range(speakers)]
    people = [User.create(username=name, name=name, is_speaker=True) for name in names]
    subjects = [Tag.named(f"Tag {n}") for n in range(tags)]
    for number in range(talks):
        day = date(2020, 1 + number % 12, 1)
        talk = Talk.create(title=f"Talk {number}", status="published", event=event, date=day)
        TalkSpeaker.insert_many({"talk": talk, "user": user} for user in people).execute()
        TalkTag.insert_many({"talk": talk, "tag": tag, "date": day} for tag in subjects).execute()
        Link.insert_many({"talk": talk, "url": f"https://example.org/{n}"} for n in range(tags)).execute()
        Entry.create(
            author=people[0], title=f"Entry {number}", title_key=f"{number}", body="Words.",
            body_html="<p>Words.</p>", status="approved", talk=1, talk_status="approved",
        )  # fmt: skip
    publishing.recount(({user.id for user in people}, {event.id}, {tag.id for tag in subjects}))


@contextmanager
def counted(database):
    statements = []

    def note(event):
        if not event.sql.startswith("PRAGMA"):
            statements.append(event.sql)

    database.query_hooks.append(note)
    try:
        yield statements
    finally:
        database.query_hooks.remove(note)


def statements_of(database, browser, path):
    with counted(database) as statements:
        answer = browser.get(path)
    assert answer.status_code == (404 if path == "/nothing-here" else 200)
    return statements


SIZES = [
    pytest.param(5, 1, 1, id="few"),
    pytest.param(60, 5, 10, id="50 talks with 5 speakers and 10 tags on a page"),
    pytest.param(60, 34, 30, id="34 speakers and 30 tags each"),
    pytest.param(200, 5, 2, id="200 talks"),
]


@pytest.mark.parametrize("talks, speakers, tags", SIZES)
def test_a_visitors_page_asks_a_bounded_number_of_times(database, client, talks, speakers, tags):
    with database.atomic():
        fill(talks, speakers, tags)

    for path, most in MOST.items():
        found = statements_of(database, client, path)
        assert len(found) <= most, f"{path}: {found}"


@pytest.mark.parametrize("talks, speakers, tags", SIZES)
def test_who_is_signed_in_asks_at_most_four_times_more(database, as_ada, talks, speakers, tags):
    with database.atomic():
        fill(talks, speakers, tags)
    as_ada.get("/")  # shows what was flashed

    for path in MOST.keys() - {"/auth/login"}:
        found = statements_of(database, as_ada, path)
        assert len(found) <= MOST[path] + SIGNED_IN, f"{path}: {found}"


@pytest.mark.parametrize("talks", [5, 120])
def test_a_writers_page_asks_a_bounded_number_of_times(database, as_ada, ada, talks):
    with database.atomic():
        fill(talks, 5, 10)
        Talk.update(owner=ada).execute()
        Talk.update(status="draft").where(Talk.id.in_(range(2, talks, 2))).execute()
    as_ada.get("/")

    for path, most in WRITERS.items():
        found = statements_of(database, as_ada, path)
        assert len(found) <= most, f"{path}: {found}"
