"""Importing again, in part, interrupted, and anything at all."""

import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from archived import RECORD, everything, load, record, write
from conftest import clear
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Event, Link, Tag, Talk, TalkSpeaker, TalkTag, User
from talks.exchange import pyvideo, records
from talks.exchange.records import Unfit, read_talk


def test_a_second_run_writes_nothing(writes, tmp_path):
    load(tmp_path)
    before = everything()
    writes.clear()

    report = pyvideo.run(tmp_path)

    assert (report.added, report.updated, report.unchanged) == (0, 0, 1)
    assert everything() == before and not writes


def test_what_changed_in_the_archive_is_written(database, tmp_path):
    load(tmp_path)
    changed = record(title="New", description="Other", recorded="2020-01-01", tags=["new"], speakers=["Eve"],
                     related_urls=["https://example.org/new"])  # fmt: skip
    report = load(tmp_path, {"types": changed}, category={"title": "PyCon 2020"})

    talk = Talk.get()
    assert (report.updated, report.kept) == (1, [])
    assert (talk.title, talk.slug, talk.description_html) == ("New", "new", "<p>Other</p>")
    assert [row.user.name for row in TalkSpeaker.select()] == ["Eve"]
    assert [(row.tag.name, row.date) for row in TalkTag.select()] == [("new", date(2020, 1, 1))]
    assert "https://example.org/new" in {link.url for link in Link.select()}
    assert (Event.get().title, Event.get().starts_on) == ("PyCon 2020", date(2020, 1, 1))
    assert {user.name: user.talk_count for user in User.select()} == {
        "Ada Lovelace": 0, "Bob Ó Briain": 0, "Eve": 1
    }  # fmt: skip


def test_what_people_changed_is_listed_and_stays(database, tmp_path, ada):
    load(tmp_path)
    talk = Talk.get()
    talk.title = "Mine"
    talk.save()
    TalkSpeaker.create(talk=talk, user=ada, position=9)
    Event.update(title="Our PyCon").execute()

    report = load(tmp_path, {"types": record(title="New", speakers=["Eve"], language="fra")})

    talk = Talk.get()
    assert (talk.title, talk.language) == ("Mine", "fr")
    assert "Eve" not in {row.user.name for row in TalkSpeaker.select()}
    talk_file = "pycon-2019/videos/types.json"
    assert set(report.kept) == {
        (talk_file, "title"), (talk_file, "speakers"), ("pycon-2019/category.json", "title")
    }  # fmt: skip
    assert report.exit_code == 0


def test_what_people_emptied_stays_empty(database, tmp_path):
    load(tmp_path)
    Talk.update(description="").execute()
    TalkTag.delete().execute()

    report = pyvideo.run(tmp_path)

    assert not Talk.get().description and not TalkTag.select().exists()
    assert {name for _, name in report.kept} == {"description", "tags"}


def test_what_people_filled_in_stays(database, tmp_path):
    load(tmp_path, {"types": record(description="", language=None)})
    Talk.update(description="Mine").execute()

    load(tmp_path, {"types": record(description="Theirs", language="eng")})

    assert (Talk.get().description, Talk.get().language) == ("Mine", "en")


@pytest.mark.parametrize("act", [Talk.delete_softly, Talk.unpublish])
def test_deleted_and_unpublished_talks_stay_so(database, tmp_path, act):
    load(tmp_path)
    act(Talk.get())
    status = Talk.get().status

    load(tmp_path, {"types": record(title="New")})

    assert (Talk.get().status, Talk.get().title, Event.get().talk_count) == (status, "New", 0)


def test_a_profile_that_was_renamed_keeps_its_name(database, tmp_path):
    load(tmp_path)
    user = User.get(User.username == "ada-lovelace")
    user.name = "Augusta Ada King"
    user.save()

    report = load(tmp_path, {"types": RECORD, "more": record(speakers=["ADA LOVELACE"])})

    assert (report.unchanged, report.added) == (1, 1)
    assert User.get_by_id(user.id).name == "Augusta Ada King" and User.get_by_id(user.id).talk_count == 2


def test_chosen_events_alone_are_imported(database, tmp_path):
    write(tmp_path, {"x": b"{"}, event="broken")
    write(tmp_path, {"x": RECORD}, event="a")
    write(tmp_path, {"x": RECORD}, event="b")

    report = pyvideo.run(tmp_path, events=["b", "missing"])

    assert [event.slug for event in Event.select()] == ["b"]
    assert report.skipped == [("missing", "no such event in the archive")]


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(database, tmp_path):
    for event in ("a", "b"):
        write(tmp_path, {"x": RECORD}, event=event)

    report = pyvideo.run(tmp_path, dry_run=True)

    assert (report.added, report.exit_code) == (2, 0)
    assert not any(rows for rows in everything().values())
    assert "Nothing was written" in list(report.lines())[-1]


def test_progress_is_told_after_each_event(database, tmp_path):
    for event in ("a", "b"):
        write(tmp_path, {"x": RECORD}, event=event)
    told = []

    pyvideo.run(tmp_path, progress=lambda *what: told.append(what))

    assert told == [(1, 2, "a"), (2, 2, "b")]


def test_an_event_of_many_talks_costs_a_bounded_number_of_statements(database, tmp_path):
    def statements(event, count):
        talks = {str(at): record(speakers=[f"{event} {at}"], tags=[f"{event}{at}"]) for at in range(count)}
        write(tmp_path, talks, event=event)
        asked = []
        database.query_hooks.append(asked.append)
        pyvideo.run(tmp_path, events=[event])
        database.query_hooks.clear()
        return len(asked)

    assert statements("many", 150) == statements("few", 3)


def test_lines_show_no_control_characters(database, tmp_path):
    write(tmp_path, {"x\x1b[2J": RECORD})

    assert all(line.isprintable() for line in pyvideo.run(tmp_path).lines())


# Interrupted


def test_an_interrupt_leaves_whole_events(database, tmp_path):
    for event in ("a", "b", "c"):
        write(tmp_path, {"x": RECORD, "y": RECORD}, event=event)

    def interrupt(done, total, event):
        if event == "b":
            raise KeyboardInterrupt

    report = pyvideo.run(tmp_path, progress=interrupt)

    assert (report.added, report.exit_code, report.interrupted) == (4, 130, True)
    assert [event.slug for event in Event.select()] == ["a", "b"]


KILLED = """
import sys
import models
from talks.databases import open_database
from talks.exchange import pyvideo, rows

models.database.initialize(open_database(sys.argv[1]))
models.database.connect()
count = 0
insert = rows.insert

def slow(model, values):
    global count
    insert(model, values)
    count += 1
    if count == 10:
        print("in the middle", flush=True)
        sys.stdin.read()

pyvideo.insert = slow
pyvideo.run(sys.argv[2])
"""


def by_name():
    """What there is, without ids: where a transaction was undone, servers leave a gap."""
    talks = Talk.attach_speakers(list(Talk.select(Talk, Event).join(Event)))
    shown = [
        (talk.imported_key, talk.title, talk.event.slug, [user.username for user in talk.speakers],
         [tag.key for tag in Tag.of(talk)], [link.url for link in talk.links.order_by(Link.id)])
        for talk in talks
    ]  # fmt: skip
    counts = [
        sorted(model.select(key, model.talk_count).tuples())
        for model, key in ((User, User.username), (Tag, Tag.key), (Event, Event.slug))
    ]
    return sorted(shown), counts


@pytest.mark.slow
def test_a_killed_import_leaves_whole_events_and_can_be_run_again(database, tmp_path):
    for event in "abcd":
        talks = {
            str(at): record(speakers=[f"{event} {at}", "박현우"], tags=[f"{event}{at}"]) for at in range(5)
        }
        write(tmp_path / "archive", talks, event=event)
    arguments = [sys.executable, "-c", KILLED, database.url, tmp_path / "archive"]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(pyvideo.__file__).parents[2]
    ) as process:
        assert process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    assert sorted({talk.imported_key[0]: None for talk in Talk.select()}) == ["a", "b"]
    assert Talk.select().count() == 10

    assert pyvideo.run(tmp_path / "archive").added == 10
    after_kill = by_name()
    clear(database)
    pyvideo.run(tmp_path / "archive")
    assert by_name() == after_kill


# Anything


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
VIDEOS = st.lists(st.fixed_dictionaries({"url": st.text()}) | JSON, max_size=3)
OTHERS = sorted(records.TYPES.keys() - {"title", "videos"})
LIKELY = st.fixed_dictionaries(
    {"title": st.text(max_size=300), "videos": VIDEOS},
    optional={key: JSON | st.text() | st.lists(st.text(), max_size=5) for key in OTHERS},
)


@settings(max_examples=200, deadline=None)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_reading_any_bytes_raises_nothing_but_unfit(data):
    try:
        read_talk(data)
    except Unfit as reason:
        assert str(reason)


@pytest.mark.slow
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LIKELY | JSON, max_size=4))
def test_any_records_are_imported_or_reported_and_again_unchanged(database, tmp_path, values):
    folder = tmp_path / str(len(os.listdir(tmp_path)))
    write(folder, {str(at): value for at, value in enumerate(values)}, event=folder.name)

    report = pyvideo.run(folder)
    again = pyvideo.run(folder)

    assert report.added + len(report.skipped) == len(values)
    assert (again.added, again.updated, again.kept) == (0, 0, [])
    assert again.unchanged == report.added
