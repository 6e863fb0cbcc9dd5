"""Deciding about comments: who may, what follows, and that nothing goes wrong when two do it at once."""

import random
from contextlib import contextmanager
from threading import Barrier

import pytest
from asked import a_comment, an_open_talk, asked, reloaded
from conftest import only_sqlite, person
from moderating import at_once, count, is_trusted, shown, whole
from written import a_talk, rows

from models import Comment, OutboxMail, User, database
from talks import comments, moderation
from talks.signals import comment_approved

VERBS = {"approve": "approved", "reject": "rejected", "spam": "spam"}


@pytest.fixture
def talk(ada):
    return an_open_talk(ada, discussion="moderated")


@pytest.fixture
def waiting(talk, bob):
    return whole(a_comment(talk, "pending", author=bob))


# Who may


@only_sqlite
@pytest.mark.parametrize("verb", [*VERBS, "keep", "undo"])
@pytest.mark.parametrize("who", ["member", "another speaker", "its author"])
def test_nobody_else_decides(talk, waiting, bob, verb, who):
    by = {"member": person("mia"), "another speaker": person("sam", is_speaker=True), "its author": bob}[who]
    before = rows()

    with pytest.raises(moderation.NotAllowed):
        getattr(moderation, verb)(waiting, by)
    assert rows() == before


@only_sqlite
@pytest.mark.parametrize("who", ["owner", "speaker", "co-speaker", "administrator"])
def test_speakers_owner_and_administrators_decide(ada, who):
    speaker, cleo = person("sam"), person("cleo")
    talk = an_open_talk(ada, speakers=[speaker, cleo], discussion="moderated")
    by = {
        "owner": ada,
        "speaker": speaker,
        "co-speaker": cleo,
        "administrator": person("root", is_admin=True),
    }

    assert moderation.approve(whole(a_comment(talk, "pending")), by[who])


def test_who_was_blocked_decides_nothing(ada, waiting):
    ada.is_active = False
    ada.save()

    with pytest.raises(moderation.NotAllowed):
        moderation.approve(whole(waiting), User.get_by_id(ada.id))


# Moves


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("before", ["pending", "approved", "rejected", "spam", "deleted"])
def test_a_decision_moves_from_where_it_may(talk, ada, verb, before):
    comment = whole(a_comment(talk, before))
    may = {
        "approve": ("pending", "rejected", "spam"),
        "reject": ("pending", "approved"),
        "spam": ("pending", "approved", "rejected"),
    }[verb]

    assert getattr(moderation, verb)(comment, ada) == (before in may)
    now = reloaded(comment)
    assert (now.status, now.was) == ((VERBS[verb], before) if before in may else (before, ""))
    assert count(talk) == shown(talk)


@pytest.mark.parametrize(
    "before, verb",
    [("pending", verb) for verb in VERBS] + [("approved", "reject"), ("approved", "spam")],
)
def test_undoing_brings_back_what_was(talk, ada, before, verb):
    comment = whole(a_comment(talk, before))
    getattr(moderation, verb)(comment, ada)

    assert moderation.undo(comment, ada, VERBS[verb])
    assert reloaded(comment).status == before
    assert count(talk) == shown(talk)


def test_undoing_twice_does_not_do_it_again(waiting, ada):
    moderation.approve(waiting, ada)

    assert moderation.undo(waiting, ada)
    assert not moderation.undo(waiting, ada)
    assert reloaded(waiting).status == "pending"


def test_undoing_leaves_what_somebody_else_decided_since(waiting, ada, carol):
    moderation.approve(waiting, ada)
    moderation.reject(whole(waiting), carol)

    assert not moderation.undo(waiting, ada, "approved")
    assert reloaded(waiting).status == "rejected"


def test_what_its_author_took_back_is_not_brought_back_by_others(waiting, ada):
    comments.withdraw(waiting)

    assert not moderation.approve(whole(waiting), ada)
    assert not moderation.undo(whole(waiting), ada)


def test_a_stale_comment_is_moved_from_what_it_is_now(waiting, ada, carol):
    seen_before = whole(waiting)
    moderation.approve(waiting, carol)

    assert moderation.reject(seen_before, ada)
    assert (reloaded(waiting).was, seen_before.was) == ("approved", "approved")


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_decided_about_another_text_than_was_read(waiting, ada, verb):
    comments.edit(whole(waiting), "Buy my watches")

    assert not getattr(moderation, verb)(waiting, ada)
    assert reloaded(waiting).status == "pending"
    assert getattr(moderation, verb)(whole(waiting), ada)


def test_a_reported_comment_waits_until_it_is_kept(talk, ada):
    comment = whole(a_comment(talk))
    comments.report(comment)
    assert Comment.for_moderation(ada, reported=True).count() == 1

    assert moderation.keep(whole(comment), ada)
    assert not moderation.keep(whole(comment), ada)
    assert Comment.for_moderation(ada, reported=True).count() == 0
    assert reloaded(comment).status == "approved"

    assert moderation.undo(whole(comment), ada, "kept")
    assert Comment.for_moderation(ada, reported=True).count() == 1


def test_a_reported_comment_that_was_deleted_waits_again_when_that_is_undone(talk, ada):
    comment = whole(a_comment(talk))
    comments.report(comment)
    moderation.reject(comment, ada)
    assert Comment.for_moderation(ada, reported=True).count() == 0

    moderation.undo(comment, ada)
    assert Comment.for_moderation(ada, reported=True).count() == 1


# Trust


def test_the_first_approval_trusts_its_author(talk, waiting, ada, bob):
    assert asked(talk, "One more?", author=bob).status == "pending"
    moderation.approve(waiting, ada)

    assert is_trusted(bob)
    assert asked(talk, "And this?", author=User.get_by_id(bob.id)).status == "approved"


@pytest.mark.parametrize("take_back, trusted", [("undo", False), ("spam", False), ("reject", True)])
def test_what_takes_trust_back(waiting, ada, bob, take_back, trusted):
    moderation.approve(waiting, ada)
    getattr(moderation, take_back)(waiting, ada)

    assert is_trusted(bob) == trusted


@pytest.mark.parametrize("take_back", ["undo", "spam"])
def test_trust_stays_while_something_else_is_approved(talk, waiting, ada, bob, take_back):
    moderation.approve(whole(a_comment(talk, "pending", author=bob)), ada)
    moderation.approve(waiting, ada)
    getattr(moderation, take_back)(waiting, ada)

    assert is_trusted(bob)


def test_undoing_spam_trusts_again(waiting, ada, bob):
    moderation.approve(waiting, ada)
    moderation.spam(waiting, ada)
    moderation.undo(waiting, ada)

    assert is_trusted(bob)


def test_a_visitors_comment_trusts_nobody(talk, ada):
    moderation.approve(whole(a_comment(talk, "pending")), ada)

    assert not User.select().where(User.is_trusted).exists()


# What follows


@contextmanager
def approvals():
    sent = []

    def note(comment):
        sent.append((comment.id, database.in_transaction()))

    with comment_approved.connected_to(note):
        yield sent


def test_the_signal_comes_once_and_after_the_commit(waiting, ada):
    with approvals() as sent:
        moderation.approve(waiting, ada)
        moderation.approve(waiting, ada)

    assert sent == [(waiting.id, False)]


def test_an_approval_tells_once_also_when_it_is_undone_and_given_again(talk, waiting, ada):
    a_comment(talk, author=person("tina"), notify=True)

    moderation.approve(waiting, ada)
    moderation.undo(waiting, ada)
    moderation.approve(whole(waiting), ada)

    mails = OutboxMail.select().where(OutboxMail.kind == "comment_shown")
    assert [(mail.to_email, mail.payload) for mail in mails] == [
        ("tina@example.org", {"comments": [waiting.id]})
    ]


def test_an_approval_that_was_undone_tells_nobody(talk, waiting, ada):
    a_comment(talk, author=person("tina"), notify=True)

    moderation.approve(waiting, ada)
    moderation.undo(waiting, ada)

    assert not OutboxMail.select().where(OutboxMail.kind == "comment_shown").exists()


# Two at once


def test_of_many_who_decide_at_once_one_does(database, talk, waiting, ada, carol):
    done, ready = [], Barrier(6)

    def decide(verb, by):
        with database.connection_context():
            comment = whole(waiting)
            ready.wait()
            done.append((verb.__name__, verb(comment, by)))

    at_once([(decide, moderation.approve, by) for by in (ada, carol) * 3])

    assert sorted(result for _, result in done) == [False] * 5 + [True]
    assert count(talk) == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_count_is_right_after_any_interleaving(database, talk, ada, carol, seed):
    made = [a_comment(talk, status) for status in ("pending", "approved", "rejected", "pending")]

    def decide_at_random(by, number):
        chance = random.Random(f"{seed} {number}")
        with database.connection_context():
            for _ in range(12):
                verb = chance.choice(
                    [moderation.approve, moderation.reject, moderation.spam, moderation.undo]
                )
                verb(whole(chance.choice(made)), by)

    at_once([(decide_at_random, by, number) for number, by in enumerate((ada, carol) * 2)])

    assert count(talk) == shown(talk)


# What waits for whom


@pytest.fixture
def everywhere(ada):
    """Comments that wait under talks of several people: {name: comment}."""
    eve = person("eve", is_speaker=True)
    talks = {
        "own": an_open_talk(ada),
        "speaks": an_open_talk(eve, speakers=[eve, ada]),
        "owns": an_open_talk(ada, speakers=[eve]),
        "draft": a_talk(ada),
        "deleted": a_talk(ada, status="deleted"),
        "other": an_open_talk(eve),
    }
    return {name: a_comment(talk, "pending") for name, talk in talks.items()}


def names_of(query, everywhere):
    by_id = {comment.id: name for name, comment in everywhere.items()}
    return sorted(by_id[row.id] for row in query)


def test_a_speakers_queue_is_what_waits_under_their_talks(everywhere, ada):
    assert names_of(Comment.for_moderation(ada), everywhere) == ["draft", "own", "owns", "speaks"]
    assert moderation.count_waiting(ada) == 4


def test_an_administrators_queue_is_everything_and_their_own_is_not(everywhere, carol):
    found = names_of(Comment.for_moderation(carol), everywhere)

    assert found == ["draft", "other", "own", "owns", "speaks"]
    assert not Comment.for_moderation(carol, own=True).exists()


def test_a_members_queue_is_empty(everywhere, bob):
    assert not Comment.for_moderation(bob).exists()
    assert moderation.count_waiting(bob) == 0


def test_counting_ends_where_more_says_nothing(talk, ada):
    for _ in range(5):
        a_comment(talk, "pending")
    comments.report(a_comment(talk))

    assert (moderation.count_waiting(ada), moderation.count_waiting(ada, most=4)) == (6, 4)


def test_deleted_talks_nag_nobody_until_they_are_back(ada, carol, talk, waiting):
    talk.delete_softly()
    assert moderation.count_waiting(ada) == moderation.count_waiting(carol) == 0

    talk.restore()
    assert moderation.count_waiting(ada) == moderation.count_waiting(carol) == 1


@only_sqlite
def test_a_queue_reads_no_comment_of_other_talks(database, everywhere, ada):
    for reported in (False, True):
        sql, values = Comment.for_moderation(ada, reported).sql()
        plan = " ".join(row[3] for row in database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values))

        assert "USING INDEX comment_talk_id_" in plan or "COVERING INDEX comment_talk_id_" in plan, plan
