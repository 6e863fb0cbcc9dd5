"""The whole PyVideo archive: nothing of it is lost. Needs TALKS_ARCHIVE=PATH."""

import json
import os
import shutil
from collections import Counter, defaultdict

import pytest
from conftest import clear

import models
from models import Alias, Event, Link, Tag, Talk, TalkSpeaker, TalkTag, User
from talks.databases import open_database
from talks.exchange import pyvideo
from talks.exchange.archives import open_archive
from talks.exchange.records import BCP_47
from talks.names import fold, fold_tag

ARCHIVE = os.environ.get("TALKS_ARCHIVE", "")
pytestmark = [
    pytest.mark.archive,
    pytest.mark.skipif(not ARCHIVE, reason="TALKS_ARCHIVE is not set"),
]


@pytest.fixture(scope="module")
def imported(tmp_path_factory, empty_file):
    """The report of an import of everything into a database of its own, which stays connected."""
    path = tmp_path_factory.mktemp("archive") / "talks.db"
    shutil.copy(empty_file, path)
    before, opened = models.database.obj, open_database(f"sqlite:///{path}")
    models.database.initialize(opened)
    opened.connect()
    yield pyvideo.run(ARCHIVE)
    opened.close()
    models.database.initialize(before)


@pytest.fixture(scope="module")
def raw(imported):
    """{"EVENT/TALK": record} and {"EVENT": category}, as json reads them."""
    talks, categories = {}, {}
    with open_archive(ARCHIVE) as archive:
        for event in archive.events:
            for name, data in archive.files(event):
                if name.endswith("/category.json"):
                    categories[event] = json.loads(data)
                else:
                    talks[name.replace("/videos/", "/").removesuffix(".json")] = json.loads(data)
    return talks, categories


def scalars(value):
    if isinstance(value, dict):
        for inner in value.values():
            yield from scalars(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from scalars(inner)
    elif value not in (None, ""):
        yield value


def test_every_record_is_imported(imported, raw):
    assert not imported.skipped and not imported.notes
    assert imported.added == len(raw[0]) == Talk.select().count()
    assert {talk.imported_key for talk in Talk.select(Talk.imported_key)} == set(raw[0])


def test_every_scalar_of_every_record_is_found_again(imported, raw):
    links = defaultdict(list)
    for link in Link.select():
        links[link.talk_id] += [link.url, link.label]
    for talk in Talk.select(Talk, Event).join(Event):
        recorded = talk.date.isoformat() + talk.time_zone if talk.date else ""
        columns = [talk.title, talk.description, talk.duration_s, talk.license, recorded]
        columns += [talk.video_url, talk.thumbnail_url, talk.event.slug]
        found = {(type(value), value) for value in [*columns, *links[talk.id], *scalars(talk.extra)]}
        record = raw[0][talk.imported_key]
        missing = {(type(value), value) for value in scalars(record)} - found
        # A code of ISO 639-3 has one short form; a single video's type is what its player says.
        missing -= {(str, code) for code, short in BCP_47.items() if short == talk.language}
        if len(record["videos"]) == 1 or talk.video_url == record["videos"][0]["url"]:
            missing -= {(str, kind) for kind in TYPES_OF_PLAYERS if kind in record["videos"][0].values()}
        assert not missing, (talk.imported_key, missing)


TYPES_OF_PLAYERS = ("youtube", "vimeo", "archive.org", "mp4", "webm")


def test_every_address_of_a_video_is_on_its_talk(imported, raw):
    addresses = defaultdict(set)
    for link in Link.select().where(Link.kind == "video"):
        addresses[link.talk_id].add(link.url)
    for talk in Talk.select():
        wanted = {video["url"] for video in raw[0][talk.imported_key]["videos"]}
        kept = {video["url"] for video in talk.extra.get("videos", [])}
        assert wanted <= addresses[talk.id] | {talk.video_url} | kept
        assert talk.video_url or addresses[talk.id]


def test_speakers_stand_in_their_order_and_spellings_are_aliases(imported, raw):
    people = {alias.name: alias.user_id for alias in Alias.select()}
    spoken = defaultdict(list)
    for row in TalkSpeaker.select().order_by(TalkSpeaker.position):
        spoken[row.talk_id].append(row.user_id)
    for talk in Talk.select():
        names = [" ".join(name.split()) for name in raw[0][talk.imported_key]["speakers"]]
        assert spoken[talk.id] == list(dict.fromkeys(people[name] for name in names if name))


def test_spellings_that_fold_alike_are_one_profile_or_tag(imported, raw):
    names = {fold(name) or name for talk in raw[0].values() for name in talk["speakers"]}
    tags = {fold_tag(name) for talk in raw[0].values() for name in talk.get("tags") or []} - {""}

    assert User.select().count() == len(names)
    assert {tag.key for tag in Tag.select()} == tags
    assert Alias.select().count() > User.select().count()


def test_tags_stand_on_their_talks(imported, raw):
    tagged = defaultdict(set)
    for row in TalkTag.select(TalkTag, Tag).join(Tag):
        tagged[row.talk_id].add(row.tag.key)
    for talk in Talk.select():
        names = raw[0][talk.imported_key].get("tags") or []
        assert tagged[talk.id] == {fold_tag(name) for name in names} - {""}


def test_every_scalar_of_every_category_is_found_again(imported, raw):
    for event in Event.select():
        day = event.starts_on.isoformat() if event.starts_on else ""
        found = {event.title, event.description, event.url, day, *scalars(event.extra)}
        assert set(scalars(raw[1][event.slug])) <= found
    assert Event.select().count() == len(raw[1])


def test_the_counts_are_right(imported):
    for model, link in ((User, TalkSpeaker.user), (Tag, TalkTag.tag), (Event, Talk.event)):
        counted = Counter(id_ for (id_,) in link.model.select(link).tuples())
        assert {row.id: row.talk_count for row in model.select() if row.talk_count} == counted


def test_a_second_run_writes_nothing(imported):
    changes = models.database.connection().total_changes

    again = pyvideo.run(ARCHIVE)

    assert (again.added, again.updated, again.kept) == (0, 0, [])
    assert again.unchanged == imported.added
    assert models.database.connection().total_changes == changes


def contents():
    """What an import wrote, without ids and moments, in the order that the database gives it."""
    return {
        "talks": list(
            Talk.select(
                Talk.imported_key, Talk.title, Talk.slug, Talk.description, Talk.description_html, Talk.date,
                Talk.language, Talk.license, Talk.duration_s, Talk.video_url, Talk.slides_url, Talk.extra,
            ).order_by(Talk.imported_key).tuples()
        ),
        "speakers": list(
            TalkSpeaker.select(
                Talk.imported_key, TalkSpeaker.position, User.username, User.name, User.name_key
            ).join(Talk).switch(TalkSpeaker).join(User)
            .order_by(User.name_key, User.username, Talk.imported_key).tuples()
        ),
        "tags": list(Tag.select(Tag.key, Tag.name, Tag.slug, Tag.talk_count).order_by(Tag.key).tuples()),
        "events": list(
            Event.select(
                Event.title, Event.slug, Event.series, Event.starts_on, Event.ends_on, Event.talk_count
            ).order_by(Event.title, Event.slug).tuples()
        ),
        "links": list(
            Link.select(Talk.imported_key, Link.url, Link.kind, Link.label).join(Talk)
            .order_by(Talk.imported_key, Link.url, Link.kind).tuples()
        ),
        "aliases": list(Alias.select(Alias.name, Alias.key).order_by(Alias.name).tuples()),
    }  # fmt: skip


@pytest.mark.server
@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_server_holds_what_sqlite_holds(imported, request, engine):
    expected, before = contents(), models.database.obj
    database = request.getfixturevalue(f"on_{engine}")
    models.database.initialize(database)
    database.connect()
    try:
        assert pyvideo.run(ARCHIVE).added == imported.added
        for name, rows in contents().items():
            assert rows == expected[name]
    finally:
        clear(database)
        database.close()
        models.database.initialize(before)
