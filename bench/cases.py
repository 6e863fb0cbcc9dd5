"""What is compared: one function a case. It takes both archives and returns (page, what it is held against).

The first line of its docstring is the case's name in the table.
"""

from typing import NamedTuple

from peewee import SqliteDatabase

from app import app
from bench.seed import LARGE_EVENT, LARGE_TAG
from models import TABLES, Event, Tag, Talk, User
from talks.speakers import BY_NAME, SPEAKERS_PER_PAGE
from talks.timeline import AS_GIVEN, EVENTS, EVENTS_PER_PAGE, NEWEST_FIRST, NEWEST_OF_TAG, TAGS, TAGS_PER_PAGE

LIMIT = 1.2
PER_PAGE = app.config["TALKS_PER_PAGE"]


class Site(NamedTuple):
    """One archive. `beside` is the same file once more, open all the time, as in another worker."""

    database: SqliteDatabase
    beside: SqliteDatabase
    talks: int

    def page(self, path):
        return Page(self, path)

    def deepest(self, path, query, order, per_page):
        """The last full page of a list, by key. It is the first one where the list has no other."""
        last = order.sorted(query, backwards=True).limit(1).offset(per_page)
        for edge in last.bind(self.beside):
            path = f"{path}?{'before' if order.descending else 'after'}={order.key(edge)}"
        return Page(self, path)


class Page(NamedTuple):
    site: Site
    path: str


class Case(NamedTuple):
    name: str
    pages: object  # function: (small site, large site) -> (page, page it is held against)
    limit: float


CASES = []


def case(function):
    CASES.append(Case(function.__doc__.strip().splitlines()[0].rstrip("."), function, LIMIT))
    return function


@case
def timeline_deepest(small, large):
    """Timeline: its deepest page against its first."""
    deepest = large.deepest("/", Talk.published(), NEWEST_FIRST, PER_PAGE)
    return deepest, large.page("/")


@case
def timeline_first(small, large):
    """Timeline, first page: the large archive against the small one."""
    return large.page("/"), small.page("/")


@case
def timeline_deepest_by_size(small, large):
    """Timeline, deepest page: the large archive against the small one."""
    return tuple(site.deepest("/", Talk.published(), NEWEST_FIRST, PER_PAGE) for site in (large, small))


def tag_pages(site):
    path = f"/tag/tag-{LARGE_TAG}"
    return site.page(path), site.deepest(path, Talk.tagged(LARGE_TAG), NEWEST_OF_TAG, PER_PAGE)


@case
def tag_deepest(small, large):
    """A tag of half the talks: its deepest page against its first."""
    first, deepest = tag_pages(large)
    return deepest, first


@case
def tag_deepest_by_size(small, large):
    """A tag of half the talks, deepest page: the large archive against the small one."""
    return tag_pages(large)[1], tag_pages(small)[1]


def event_pages(site):
    path = f"/event/event-{LARGE_EVENT}"
    return site.page(path), site.deepest(path, Talk.at(LARGE_EVENT), AS_GIVEN, PER_PAGE)


@case
def event_deepest(small, large):
    """An event of a tenth of the talks: its deepest page against its first."""
    first, deepest = event_pages(large)
    return deepest, first


@case
def event_deepest_by_size(small, large):
    """An event of a tenth of the talks, deepest page: the large archive against the small one."""
    return event_pages(large)[1], event_pages(small)[1]


@case
def talk(small, large):
    """A talk: the large archive against the small one."""
    return tuple(site.page(f"/talk/{site.talks // 2 + 1}") for site in (large, small))


@case
def speaker(small, large):
    """A speaker: the large archive against the small one."""
    return large.page(speaker_of_six(large)), small.page(speaker_of_six(small))


def speaker_of_six(site):
    """The page of somebody with six talks: both archives have one."""
    with site.beside.bind_ctx(TABLES):
        return f"/user/{User.select().where(User.talk_count == 6).order_by(User.id).get().username}"


@case
def events_deepest(small, large):
    """Index of events: its deepest page against its first."""
    return large.deepest("/events", Event.listed(), EVENTS, EVENTS_PER_PAGE), large.page("/events")


@case
def speakers_deepest(small, large):
    """Index of speakers: its deepest page against its first."""
    return large.deepest("/speakers", User.speakers(), BY_NAME, SPEAKERS_PER_PAGE), large.page("/speakers")


@case
def tags_deepest(small, large):
    """Index of tags: its deepest page against its first."""
    return large.deepest("/tags", Tag.listed(), TAGS, TAGS_PER_PAGE), large.page("/tags")
