"""What is deleted for good, and what is not."""

import os
import time
from datetime import timedelta

import mailed
import pytest
from archived import load, record
from mailed import posted
from written import a_talk

from models import (
    Comment,
    LoginAttempt,
    OutboxMail,
    Purged,
    Refusal,
    Session,
    Talk,
    TalkSpeaker,
    utcnow,
)
from talks.purge import purge

LONG, SHORT = timedelta(days=31), timedelta(days=29)


@pytest.fixture
def talk(ada):
    return a_talk(ada, status="published")


@pytest.fixture
def run(tmp_path):
    return lambda: purge({}, tmp_path)


def gone(talk, ago=LONG, status="deleted", **values):
    return mailed.a_comment(talk, status=status, decided_at=utcnow() - ago, **values)


# Talks


def test_a_talk_deleted_long_ago_goes_with_all_that_is_its(ada, tmp_path, run):
    talk = a_talk(ada, status="deleted", deleted_at=utcnow() - LONG)
    posted(talk)
    picture = tmp_path / "thumbnails" / f"{talk.id}.jpg"
    picture.parent.mkdir()
    picture.write_bytes(b"x")

    assert run().startswith("Purged 1 talk, ")

    assert [model.select().count() for model in (Talk, TalkSpeaker, Comment, OutboxMail)] == [0, 0, 0, 0]
    assert not picture.exists()


@pytest.mark.parametrize(
    "values",
    [{"status": "deleted", "deleted_at": utcnow() - SHORT}, {"status": "published"}, {"status": "draft"}],
    ids=["deleted lately", "published", "draft"],
)
def test_another_talk_stays(ada, run, values):
    a_talk(ada, **values)
    run()

    assert Talk.select().count() == 1


def test_a_purged_import_does_not_come_back(database, tmp_path, run):
    records = {"types": record(), "tests": record(title="Tests at play", speakers=["Only Here"])}
    load(tmp_path, records)
    Talk.update(status="deleted", deleted_at=utcnow() - LONG).where(Talk.title == "Tests at play").execute()
    run()
    assert (Talk.get().title, Purged.select().count()) == ("Types at work", 1)

    report = load(tmp_path, records)

    assert Talk.get().title == "Types at work"
    assert (report.added, report.unchanged) == (0, 2)


# Comments


@pytest.mark.parametrize("status", ["deleted", "rejected", "spam"])
def test_a_comment_deleted_or_refused_long_ago_goes(talk, run, status):
    gone(talk, status=status)
    gone(talk, SHORT, status)

    assert "1 comment," in run()
    assert Comment.get().decided_at > utcnow() - LONG


@pytest.mark.parametrize("status", ["approved", "pending"])
def test_a_comment_that_stands_or_waits_stays(talk, run, status):
    gone(talk, status=status)
    run()

    assert Comment.select().count() == 1


def test_of_an_answered_comment_only_the_row_stays(talk, run):
    question = gone(talk, email="vera@example.org", body="Secret")
    answer = mailed.a_comment(talk, parent=question, status="approved", body="Kept")
    assert "1 comment," in run()

    left = Comment.get_by_id(question.id)
    assert (left.body, left.body_html, left.author_name, left.author_email) == ("", "", "", None)
    assert Comment.get_by_id(answer.id).body == "Kept"
    assert "0 comments," in run()


def test_a_comment_goes_with_its_answers_when_all_are_old(talk, run):
    question = gone(talk)
    gone(talk, parent=question)
    run()

    assert Comment.select().count() == 0


# What takes room


def test_old_sessions_attempts_and_refusals_go(ada, run):
    now = utcnow()
    for name, until in (("old", now - timedelta(hours=1)), ("new", now + timedelta(hours=1))):
        Session.create(user=ada, token_digest=name, epoch=0, expires_at=until)
    for ago in (timedelta(days=2), timedelta(hours=1)):
        LoginAttempt.create(account="a", network="n", at=now - ago)
    for ago in (LONG, SHORT):
        Refusal.create(reason="x", at=now - ago)

    assert "1 session, 1 sign-in attempt, 0 requests, 0 unused pictures, 1 refusal." in run()

    assert [model.select().count() for model in (Session, LoginAttempt, Refusal)] == [1, 1, 1]


@pytest.mark.parametrize("column", ["sent_at", "failed_at"])
def test_old_mail_goes_and_what_waits_stays(ada, talk, run, column):
    posted(talk)
    OutboxMail.update({column: utcnow() - LONG, "waiting": None}).execute()
    posted(talk)
    OutboxMail.update(created_at=utcnow() - LONG).execute()

    assert "1 mail," in run()
    assert OutboxMail.get().waiting


def test_old_files_of_mail_go(database, tmp_path, run):
    folder = tmp_path / "mail"
    folder.mkdir()
    for name in ("old", "new"):
        (folder / f"{name}.eml").write_text("x")
    os.utime(folder / "old.eml", times=(time.time() - LONG.total_seconds(),) * 2)
    run()

    assert [path.name for path in folder.iterdir()] == ["new.eml"]


def test_purging_an_empty_site_is_no_trouble(database, run):
    said = run()

    assert said.startswith("Purged 0 talks, 0 comments, 0 entries, 0 audit events, 0 mails, ")
    assert not set(said) & set("123456789")
