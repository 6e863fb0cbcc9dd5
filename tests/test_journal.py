"""The journal: who writes at once and who waits, titles, changing, deleting, deciding."""

from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier

import pytest
from conftest import person
from entered import an_entry, status_of, values, whole, written
from moderating import at_once, is_trusted
from written import rows

from models import AuditEvent, BlockedWord, Entry, Refusal, User, database, utcnow
from talks import journal, moderation
from talks.journal import Refused
from talks.signals import entry_published

# Who waits


def test_a_members_first_entry_waits(bob):
    assert written(bob).status == "pending"


@pytest.mark.parametrize("who", ["trusted", "speaker", "administrator"])
def test_others_are_read_at_once(database, who):
    author = person("mia", is_speaker=who == "speaker", is_admin=who == "administrator")
    author.is_trusted = who == "trusted"

    assert written(author).status == "approved"


def test_trust_follows_the_first_approval(bob, carol):
    moderation.approve(whole(written(bob)), carol)

    assert written(User.get_by_id(bob.id), "Another").status == "approved"


@pytest.mark.parametrize("text", ["title", "body"])
@pytest.mark.parametrize("who, status", [("ada", "pending"), ("carol", "approved")])
def test_a_blocked_word_waits_unless_an_administrator_says_it(ada, carol, text, who, status):
    BlockedWord.create(word="casino")
    author = {"ada": ada, "carol": carol}[who]

    assert written(author, **{text: "My CASINO"}).status == status


@pytest.mark.parametrize("change", [{"confirmed_at": None}, {"is_active": False}])
def test_who_may_not_write_writes_nothing(bob, change):
    User.update(change).where(User.id == bob.id).execute()
    before = rows()

    with pytest.raises(Refused) as refusal:
        written(User.get_by_id(bob.id))
    assert refusal.value.reason == "unconfirmed"
    assert rows() == before


def test_too_many_at_once_are_refused_and_that_is_noted(bob):
    for number in range(journal.PER_PERSON):
        written(bob, f"Number {number}")

    with pytest.raises(Refused) as refusal:
        written(bob, "One more")
    assert refusal.value.reason == "too-many"
    assert Refusal.get().reason == "too-many"
    Entry.update(created_at=utcnow() - timedelta(minutes=11)).execute()
    assert written(bob, "One more")


@contextmanager
def publications():
    sent = []

    def note(entry):
        sent.append((entry.id, database.in_transaction()))

    with entry_published.connected_to(note):
        yield sent


def test_a_publication_is_told_after_the_commit(ada):
    with publications() as sent:
        entry = written(ada)

    assert sent == [(entry.id, False)]


def test_what_waits_is_told_when_it_is_approved_and_once(bob, carol):
    with publications() as sent:
        entry = written(bob)
        assert sent == []
        moderation.approve(whole(entry), carol)
        moderation.approve(whole(entry), carol)

    assert sent == [(entry.id, False)]


# Titles


@pytest.mark.parametrize("title", ["A Title", "a  title!", "Á títle", "A-TITLE"])
def test_an_authors_titles_differ_in_more_than_spelling(bob, title):
    written(bob)

    with pytest.raises(Refused, match="You have an entry of that title already") as refusal:
        written(bob, title)
    assert refusal.value.field == "title"
    assert not Refusal.select().exists()


def test_two_authors_may_use_one_title(bob, ada):
    assert written(bob) and written(ada)


def test_titles_of_signs_alone_are_compared_as_they_are(bob):
    assert written(bob, "???") and written(bob, "!!!")
    with pytest.raises(Refused):
        written(bob, "???")


def test_the_title_of_a_deleted_entry_is_taken_until_that_is_purged(bob):
    journal.withdraw(written(bob))

    with pytest.raises(Refused, match="Bring it back, or choose another title"):
        written(bob)


def test_the_same_title_sent_twice_at_once_is_one_entry(database, bob):
    ready, outcomes = Barrier(2), []

    def send():
        with database.connection_context():
            ready.wait()
            try:
                outcomes.append(written(bob).status)
            except Refused as refusal:
                outcomes.append(refusal.reason)

    at_once([(send,), (send,)])

    assert sorted(outcomes) == ["pending", "title"]
    assert Entry.select().count() == 1


def test_a_long_title_that_grows_when_folded_fits(ada):
    assert written(ada, "ﷺ" * 255).title_key == Entry.key_of("ﷺ" * 255)


# Changing, deleting, bringing back


def test_an_entry_is_changed(ada):
    changed = journal.edit(written(ada), values("Another", "Other **words**"), ada)

    assert (changed.title, changed.body_html) == ("Another", "<p>Other <strong>words</strong></p>")
    assert changed.edited_at and changed.status == "approved"


def test_a_change_keeps_its_own_title(ada):
    assert journal.edit(written(ada), values("a title"), ada).title == "a title"


def test_a_change_to_a_title_of_ones_own_is_refused(ada):
    written(ada, "Taken")

    with pytest.raises(Refused, match="of that title already"):
        journal.edit(written(ada), values("Taken"), ada)


def test_a_change_that_would_have_waited_waits_again(ada):
    entry = written(ada)
    BlockedWord.create(word="casino")

    assert journal.edit(entry, values(body="casino"), ada).status == "pending"


@pytest.mark.parametrize("status", ["rejected", "spam", "deleted"])
def test_what_was_taken_away_is_not_changed(bob, status):
    entry = an_entry(bob, status)

    with pytest.raises(Refused, match="taken away"):
        journal.edit(entry, values("Another"), bob)
    assert Entry.get().title == "A title"


@pytest.mark.parametrize("before", ["pending", "approved"])
def test_deleting_is_undone_to_what_was(bob, before):
    entry = an_entry(bob, before)

    assert journal.withdraw(entry)
    assert not journal.withdraw(entry)
    assert status_of(entry) == "deleted"
    assert journal.bring_back(entry)
    assert not journal.bring_back(entry)
    assert status_of(entry) == before


def test_what_others_took_away_its_author_does_not_bring_back(bob, carol):
    entry = an_entry(bob)
    moderation.reject(whole(entry), carol)

    assert not journal.withdraw(entry)
    assert not journal.bring_back(entry)
    assert status_of(entry) == "rejected"


# Deciding


def test_a_blocked_administrator_is_shown_what_a_member_is(bob, carol):
    entry = an_entry(bob, "pending")
    carol.is_active = False

    assert entry not in Entry.visible_to(carol)
    assert not Entry.for_moderation(carol)


@pytest.mark.parametrize("verb", ["approve", "reject", "spam", "undo"])
@pytest.mark.parametrize("who", ["author", "speaker"])
def test_only_administrators_decide(bob, ada, verb, who):
    entry = whole(written(bob))
    before = rows()

    with pytest.raises(moderation.NotAllowed):
        getattr(moderation, verb)(entry, bob if who == "author" else ada)
    assert rows() == before


@pytest.mark.parametrize("take_back, trusted", [("undo", False), ("spam", False), ("reject", True)])
def test_what_takes_trust_back(bob, carol, take_back, trusted):
    entry = whole(written(bob))
    moderation.approve(entry, carol)
    getattr(moderation, take_back)(entry, carol)

    assert is_trusted(bob) == trusted


def test_trust_stays_while_an_entry_is_approved(bob, carol):
    first, second = (whole(written(bob, title)) for title in ("First", "Second"))
    for entry in (first, second):
        moderation.approve(entry, carol)
    moderation.spam(first, carol)

    assert is_trusted(bob)


def test_what_its_author_deleted_nobody_else_brings_back(bob, carol):
    entry = written(bob)
    journal.withdraw(entry)

    assert not moderation.approve(whole(entry), carol)
    assert not moderation.undo(whole(entry), carol)


def test_every_act_is_noted(bob, carol):
    entry = written(bob)
    journal.edit(entry, values("Another"), bob)
    moderation.approve(whole(entry), carol)
    moderation.undo(whole(entry), carol)
    moderation.spam(whole(entry), carol)
    moderation.undo(whole(entry), carol)
    moderation.reject(whole(entry), carol)
    moderation.undo(whole(entry), carol)
    journal.withdraw(entry)
    journal.bring_back(entry)

    noted = [
        (row.action.removeprefix("entry."), row.actor_name)
        for row in AuditEvent.select().order_by(AuditEvent.id)
    ]
    assert noted == [
        ("write", "bob"), ("edit", "bob"), ("approve", "carol"), ("undo", "carol"), ("spam", "carol"),
        ("undo", "carol"), ("delete", "carol"), ("undo", "carol"), ("withdraw", "bob"), ("restore", "bob"),
    ]  # fmt: skip
    assert {row.object_id for row in AuditEvent.select()} == {entry.id}
