"""The demo's journal: entries in every state, by people who do not exist."""

import json
from collections import Counter

import pytest
from conftest import person

from models import AuditEvent, Entry, Talk, User, utcnow
from talks import demo, demo_entries, moderation, passwords

pytestmark = pytest.mark.slow
FILE = json.loads(demo_entries.FILE.read_text(encoding="utf-8"))


def user(role):
    return User.by_email(f"{role}@demo.example")


def test_there_are_entries_in_every_state(demo_lines):
    states = Counter(status for (status,) in Entry.select(Entry.status).tuples())

    assert states == {"approved": 9, "pending": 2, "spam": 1}


def test_every_talk_that_is_named_is_there(demo_lines):
    named = {entry["title"] for entry in FILE["entries"] if "talk" in entry}

    assert {entry.title for entry in Entry.select().where(Entry.talk.is_null(False))} == named


def test_some_show_under_their_talk_and_some_wait_for_that(demo_lines):
    states = Counter(status for (status,) in Entry.select(Entry.talk_status).tuples() if status)

    assert states == {"approved": 4, "pending": 2}
    waiting = Entry.get(Entry.talk_status == "pending", Entry.title == "Notes while trying this site")
    assert waiting.talk.owner == user("speaker")


def test_something_waits_for_the_speaker_and_for_the_administrator(demo_lines):
    assert moderation.count_waiting(user("speaker")) >= 1
    assert moderation.count_waiting(user("administrator")) >= 4


def test_they_were_written_over_two_months(demo_lines):
    times = sorted(at for (at,) in Entry.select(Entry.created_at).tuples())

    assert (times[-1] - times[0]).days > 50
    assert times[-1] < utcnow()


def test_nobody_signs_in_as_those_who_were_invented(demo_lines):
    for username in FILE["people"]:
        found = User.get(User.username == username)
        assert "Invented" in found.bio
        assert not any(passwords.verify(found.password_hash, guess) for guess in ("", username, "demo"))


def test_a_second_start_writes_nothing(demo_lines, tmp_path):
    Entry.update(title="Another title").execute()
    before = AuditEvent.select().count()
    demo.load(tmp_path)

    assert Entry.select().count() == len(FILE["entries"])
    assert AuditEvent.select().count() == before


def test_a_talk_that_is_gone_is_not_named(database, carol):
    for role in ("speaker", "member"):
        person(f"demo-{role}", is_speaker=role == "speaker")
    demo_entries.load(carol)

    assert not Talk.select().exists()
    assert Entry.select().count() == len(FILE["entries"])
