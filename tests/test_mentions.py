"""Entries that name a talk: whether they show under it is for who decides about that talk."""

import pytest
from asked import an_open_talk
from conftest import only_sqlite, person
from entered import an_entry, send, values, whole, written
from test_statements import counted
from written import a_talk, rows

from models import AuditEvent, Entry, Talk, User
from talks import journal, moderation
from talks.mentions import MOST_SHOWN, Mention

VERBS = ("approve", "reject", "undo")


@pytest.fixture
def talk(ada):
    return an_open_talk(ada)


@pytest.fixture
def trusted(bob):
    bob.is_trusted = True
    bob.save()
    return bob


@pytest.fixture
def named(trusted, talk):
    """An entry that everybody reads and that names a talk of Ada's."""
    return written(trusted, "About that talk", talk=talk)


def mention(entry):
    return Mention.whole([entry.id])[0]


def talk_status(entry):
    return Entry.get_by_id(entry.id).talk_status


def under(talk, client):
    return "About that talk" in client.get(f"/talk/{talk.id}").text


def test_an_entry_shows_under_the_talk_only_when_its_speaker_agreed(client, talk, named, ada):
    assert not under(talk, client)

    assert moderation.approve(mention(named), ada)
    assert under(talk, client)
    assert moderation.undo(mention(named), ada)
    assert not under(talk, client)


def test_an_administrator_agrees_as_well(client, talk, named, carol):
    assert moderation.approve(mention(named), carol)
    assert under(talk, client)


def test_who_decides_about_the_talk_need_not_ask_themselves(client, talk, ada):
    written(ada, "About that talk", talk=talk)

    assert under(talk, client)


@pytest.mark.parametrize("status", ["pending", "rejected", "spam", "deleted"])
def test_what_nobody_reads_in_the_journal_shows_under_no_talk(client, talk, bob, status):
    an_entry(bob, status, "About that talk", talk=talk, talk_status="approved")

    assert not under(talk, client)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("who", ["author", "another speaker"])
def test_nobody_else_decides(talk, named, trusted, verb, who):
    by = trusted if who == "author" else person("sam", is_speaker=True)
    before = rows()

    with pytest.raises(moderation.NotAllowed):
        getattr(moderation, verb)(mention(named), by)
    assert rows() == before


def test_deciding_about_the_talk_decides_nothing_about_the_entry(named, ada):
    moderation.reject(mention(named), ada)

    assert (whole(named).status, talk_status(named)) == ("approved", "rejected")
    with pytest.raises(moderation.NotAllowed):
        moderation.reject(whole(named), ada)


def test_keeping_an_entry_from_a_talk_takes_no_trust(named, ada, trusted):
    moderation.approve(mention(named), ada)
    moderation.undo(mention(named), ada)

    assert User.get_by_id(trusted.id).is_trusted


def test_undoing_brings_back_what_was(named, ada):
    moderation.approve(mention(named), ada)
    moderation.reject(mention(named), ada)
    moderation.undo(mention(named), ada)

    assert talk_status(named) == "approved"


def test_both_decisions_are_noted(named, ada):
    moderation.approve(mention(named), ada)
    moderation.undo(mention(named), ada)

    noted = list(AuditEvent.select().order_by(AuditEvent.id))[-2:]
    assert [row.action for row in noted] == ["mention.approve", "mention.undo"]
    assert {(row.object_kind, row.object_id, row.actor_name) for row in noted} == {("entry", named.id, "ada")}


def test_another_talk_is_asked_anew(talk, named, ada, trusted):
    moderation.approve(mention(named), ada)
    other = an_open_talk(person("sam", is_speaker=True), title="Another talk")

    changed = journal.edit(whole(named), values("About that talk", talk=other), trusted)
    assert (changed.talk, changed.talk_status, changed.talk_was) == (other, "pending", "")


def test_a_change_of_the_text_keeps_what_was_agreed(talk, named, ada, trusted):
    moderation.approve(mention(named), ada)

    assert journal.edit(whole(named), values("About that talk", talk=talk), trusted).talk_status == "approved"


def test_another_title_is_asked_anew(client, talk, named, ada, trusted):
    """The title is what shows under the talk."""
    moderation.approve(mention(named), ada)

    journal.edit(whole(named), values("About THAT talk!", talk=talk), trusted)
    assert talk_status(named) == "approved"
    journal.edit(whole(named), values("Cheap pills", talk=talk), trusted)
    assert talk_status(named) == "pending"
    assert "Cheap pills" not in client.get(f"/talk/{talk.id}").text


def test_what_was_kept_from_a_talk_is_not_asked_again_by_another_title(talk, named, ada, trusted):
    moderation.reject(mention(named), ada)

    journal.edit(whole(named), values("Cheap pills", talk=talk), trusted)
    assert talk_status(named) == "rejected"


def test_naming_no_talk_any_more_is_asked_nowhere(named, ada, trusted):
    journal.edit(whole(named), values("About that talk"), trusted)

    assert not Mention.for_moderation(ada).exists()
    with pytest.raises(moderation.NotAllowed):
        moderation.approve(mention(named), ada)


# The queue


@pytest.fixture
def everywhere(ada, trusted):
    """Entries that name talks of several people: {name: entry}."""
    eve = person("eve", is_speaker=True)
    talks = {
        "own": an_open_talk(ada),
        "speaks": an_open_talk(eve, speakers=[eve, ada]),
        "owns": an_open_talk(ada, speakers=[eve]),
        "deleted": a_talk(ada, status="deleted"),
        "other": an_open_talk(eve),
    }
    return {
        name: an_entry(trusted, title=name, talk=talk, talk_status="pending") for name, talk in talks.items()
    }


def names_of(query, everywhere):
    by_id = {entry.id: name for name, entry in everywhere.items()}
    return sorted(by_id[row.id] for row in query)


def test_it_waits_for_who_decides_about_the_talk(everywhere, ada, carol, trusted):
    assert names_of(Mention.for_moderation(ada), everywhere) == ["own", "owns", "speaks"]
    assert names_of(Mention.for_moderation(carol), everywhere) == ["other", "own", "owns", "speaks"]
    assert not Mention.for_moderation(carol, own=True).exists()
    assert not Mention.for_moderation(trusted).exists()
    assert (moderation.count_waiting(ada), moderation.count_waiting(carol)) == (3, 4)


@pytest.mark.parametrize("status", ["pending", "spam", "deleted"])
def test_what_nobody_reads_yet_is_asked_of_nobody(named, ada, carol, status):
    Entry.update(status=status).execute()

    assert not Mention.for_moderation(ada).exists()
    assert not Mention.for_moderation(carol).exists()


@only_sqlite
def test_a_queue_reads_no_entry_of_other_talks(database, everywhere, ada):
    sql, given = Mention.for_moderation(ada).sql()
    plan = " ".join(row[3] for row in database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", given))

    assert "USING INDEX entry_talk_id_" in plan, plan


def test_buttons_decide_and_their_message_undoes_it(as_ada, named):
    page = as_ada.get("/moderate").text
    assert "About that talk" in page and "Names your talk" in page

    as_ada.submit(f"/journal/{named.id}/talk/approve", page="/moderate", next="/moderate")
    assert talk_status(named) == "approved"
    assert "Shown under the talk: “About that talk”." in as_ada.get("/moderate").text
    as_ada.submit("/moderate/bulk", page="/profile", ids=f"mention-{named.id}", undo="approved")
    assert talk_status(named) == "pending"


def test_what_was_kept_from_a_talk_is_taken_back(as_ada, named):
    as_ada.submit(f"/journal/{named.id}/talk/delete", page="/moderate")
    assert talk_status(named) == "rejected"
    as_ada.submit(f"/journal/{named.id}/talk/undo", page="/moderate")
    assert talk_status(named) == "pending"


def test_somebody_else_presses_no_button(as_bob, named):
    before = rows()

    assert as_bob.submit(f"/journal/{named.id}/talk/approve", page="/profile").status_code == 403
    assert rows() == before


def test_an_entry_without_a_talk_has_no_such_button(as_carol, trusted):
    entry = an_entry(trusted)

    assert as_carol.submit(f"/journal/{entry.id}/talk/approve", page="/profile").status_code == 404


def test_several_marked_as_spam_leave_entries_alone_that_only_name_a_talk(as_ada, named):
    as_ada.submit("/moderate/bulk", page="/profile", ids=f"mention-{named.id}", act="spam")

    assert (whole(named).status, talk_status(named)) == ("approved", "pending")


# Pages


def test_under_the_talk_waits_what_its_speaker_decides(as_ada, as_bob, talk, named):
    assert f'formaction="/journal/{named.id}/talk/approve"' in as_ada.get(f"/talk/{talk.id}").text
    assert not under(talk, as_bob)


def test_a_talk_names_the_newest_entries_only(client, talk, bob):
    for number in range(MOST_SHOWN + 3):
        an_entry(bob, title=f"Number {number}.", talk=talk, talk_status="approved")
    page = client.get(f"/talk/{talk.id}").text

    assert page.count('class="mention"') == MOST_SHOWN
    assert f"Number {MOST_SHOWN + 2}." in page and "Number 2." not in page


def test_the_talks_page_offers_to_write_about_it(as_bob, talk):
    assert f'href="/journal/new?talk={talk.id}"' in as_bob.get(f"/talk/{talk.id}").text
    assert 'value="/talk/1"' in as_bob.get(f"/journal/new?talk={talk.id}").text


@pytest.mark.parametrize("query", ["talk=99", "talk=x", "talk=-1", "talk=" + "9" * 40])
def test_a_talk_that_is_not_there_is_not_offered(as_bob, talk, query):
    assert as_bob.get(f"/journal/new?{query}").status_code == 200


@pytest.mark.parametrize(
    "typed", ["1", "/talk/1", "/talk/1-a-talk", "http://localhost/talk/1?page=2#comment-3"]
)
def test_a_talk_is_named_by_its_address(as_bob, talk, typed):
    send(as_bob, "/journal/new", title="A title", body="Words.", talk=typed)

    assert Entry.get().talk == talk


@pytest.mark.parametrize("status", ["draft", "deleted"])
def test_a_talk_that_is_not_published_is_not_named(as_ada, talk, status):
    Talk.update(status=status).execute()

    assert "no such talk" in send(as_ada, "/journal/new", title="A", body="B", talk="/talk/1").text
    assert not Entry.select().exists()


def test_a_talk_that_is_gone_may_stay_named(as_ada, ada, talk):
    entry = written(ada, talk=talk)
    Talk.update(status="draft").execute()

    assert send(as_ada, f"/journal/{entry.id}/edit", body="Other words.").status_code == 303
    assert whole(entry).talk == talk


def test_a_reader_of_an_entry_gets_no_link_to_a_draft(client, ada, talk):
    entry = written(ada, talk=talk)
    assert f'href="/talk/{talk.id}"' in client.get(f"/journal/{entry.id}").text

    Talk.update(status="draft").execute()
    for path in (f"/journal/{entry.id}", "/journal/"):
        assert f'href="/talk/{talk.id}"' not in client.get(path).text


@pytest.mark.parametrize("number", [1, 15])
def test_journal_pages_ask_a_bounded_number_of_times(database, client, as_carol, ada, number):
    for place in range(number):
        author = person(f"author{place}")
        talk = an_open_talk(ada, title=f"Talk {place}")
        an_entry(author, title=f"Entry {place}", talk=talk, talk_status="pending")
        an_entry(author, "pending", title=f"Waits {place}")
    Entry.update(talk_status="approved").where(Entry.id == 1).execute()
    as_carol.get("/")

    for browser, path, most in (
        (client, "/journal/", 1),
        (client, "/journal/?by=author0", 2),
        (client, "/journal/1", 3),  # entry, its talk, the talk's speakers
        (client, "/talk/1", 7),
        (client, "/user/author0", 6),
        (as_carol, "/journal/mine", 4),
        (as_carol, "/journal/new", 3),
        (as_carol, "/moderate-admin", 13),
    ):
        with counted(database) as statements:
            assert browser.get(path).status_code == 200
        assert len(statements) <= most, (path, statements)
