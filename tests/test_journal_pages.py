"""The journal's pages: who reads what, writing from the form, the queue, and where else entries stand."""

from datetime import timedelta

import pytest
from asked import a_comment
from entered import an_entry, form_at, send, status_of, whole, written
from written import a_talk, rows

from models import Entry, User, utcnow
from talks import journal, moderation

ARABIC = "مقدمة في بايثون"


@pytest.fixture
def waiting(bob):
    return written(bob, "It waits")


def test_a_visitor_reads_and_is_asked_to_sign_in_to_write(client, ada):
    written(ada, "Everybody reads this")

    assert "Everybody reads this" in client.get("/journal/").text
    assert client.get("/journal/new?talk=1").location == "/auth/login?next=/journal/new?talk%3D1"


def test_the_journal_has_one_address(client, database):
    answer = client.get("/journal")

    assert answer.status_code == 308
    assert answer.location.endswith("/journal/")


def test_an_empty_journal_says_what_it_is_for(client, database):
    assert "No entries yet" in client.get("/journal/").text


def test_entries_are_newest_first_and_paged_by_key(client, bob):
    now = utcnow()
    for number in range(25):
        an_entry(bob, title=f"Entry {number:02}.", created_at=now + timedelta(seconds=number))
    first = client.get("/journal/").text
    assert first.index("Entry 24.") < first.index("Entry 05.")
    assert "Entry 04." not in first

    older = first.partition('rel="next" href="')[2].partition('"')[0]
    assert older.startswith("?before=")
    second = client.get(f"/journal/{older}").text
    assert "Entry 04." in second and "Entry 05." not in second


def test_the_journal_of_one_author(client, bob, ada):
    an_entry(bob, title="By Bob")
    an_entry(ada, title="By Ada")

    page = client.get("/journal/?by=bob").text
    assert "By Bob" in page and "By Ada" not in page
    assert client.get("/journal/?by=nobody").status_code == 404


@pytest.mark.parametrize("status", ["pending", "rejected", "spam", "deleted"])
def test_what_is_not_shown_is_for_its_author_and_administrators(
    client, as_ada, as_bob, as_carol, bob, status
):
    entry = an_entry(bob, status, title="Unseen")

    assert client.get(f"/journal/{entry.id}").status_code == 404
    assert as_ada.get(f"/journal/{entry.id}").status_code == 404
    for browser in (as_bob, as_carol):
        assert "Unseen" in browser.get(f"/journal/{entry.id}").text
    for browser in (client, as_ada, as_bob, as_carol):
        assert "Unseen" not in browser.get("/journal/").text
        assert "Unseen" not in browser.get("/user/bob").text


def test_writing_from_the_form(as_bob, carol):
    answer = send(as_bob, "/journal/new", title=" A title ", body="# Heading\r\n\r\nSome *words*.")

    entry = Entry.get()
    assert (answer.status_code, answer.location) == (303, f"/journal/{entry.id}")
    assert (entry.title, entry.body) == ("A title", "# Heading\n\nSome *words*.")
    page = as_bob.get(answer.location).text
    assert "It waits until an administrator has looked at it" in page
    assert "<h3>Heading</h3>" in page


def test_script_in_an_entry_is_harmless(as_carol, client):
    send(
        as_carol,
        "/journal/new",
        title="<script>alert(1)</script>",
        body="<script>alert(2)</script> [x](javascript:alert(3))",
    )

    for path in ("/journal/", f"/journal/{Entry.get().id}", "/user/carol"):
        page = client.get(path).text
        assert "<script>alert" not in page and "javascript:alert" not in page.replace("(javascript:", "")


@pytest.mark.parametrize(
    "wrong, said",
    [
        ({"title": ""}, "Give the entry a title."),
        ({"title": "\u200b"}, "Give the entry a title."),
        ({"title": "x" * 256}, "255"),
        ({"title": "two\nlines"}, "on one line"),
        ({"title": "\u202eeltit"}, "U+202E"),
        ({"body": " "}, "Write something first."),
        ({"body": "x" * 20_001}, "20000"),
        ({"body": "\0"}, "U+0000"),
        ({"talk": "x"}, "Give the address of a talk"),
        ({"talk": "https://evil.example/talk/1"}, "Give the address of a talk"),
        ({"talk": "/talk/99"}, "no such talk"),
        ({"talk": "9" * 18}, "no such talk"),
        ({"talk": "9" * 19}, "Give the address of a talk"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_stored(as_bob, wrong, said):
    answer = send(as_bob, "/journal/new", **{"title": "A title", "body": "Words."} | wrong)

    assert answer.status_code == 422
    assert said in answer.text
    assert not Entry.select().exists()


def test_a_taken_title_is_said_beside_its_field_and_the_text_kept(as_bob, bob):
    written(bob)
    answer = send(as_bob, "/journal/new", title="A TITLE", body="These words.")

    assert answer.status_code == 422
    assert "You have an entry of that title already, which waits." in answer.text
    assert "These words." in answer.text


def test_a_form_in_another_script_is_stored_as_typed(as_bob):
    send(as_bob, "/journal/new", title=ARABIC, body=ARABIC)

    assert (Entry.get().title, Entry.get().body) == (ARABIC, ARABIC)


def test_a_preview_stores_nothing(as_bob):
    answer = send(as_bob, "/journal/new", title="", body="Some *words*.", preview="1")

    assert answer.status_code == 200
    assert "<p>Some <em>words</em>.</p>" in answer.text
    assert not Entry.select().exists()


def test_the_live_preview_takes_what_an_entry_takes(as_bob):
    long = "x " * 8_000

    assert as_bob.post("/preview", data={"kind": "entry", "body": long}).status_code == 200
    assert as_bob.post("/preview", data={"body": long}).status_code == 422
    assert as_bob.post("/preview", data={"kind": "poem", "body": "x"}).status_code == 400


def test_changing_ones_own(as_carol, carol):
    entry = written(carol)
    assert form_at(as_carol, f"/journal/{entry.id}/edit")["title"] == "A title"
    answer = send(as_carol, f"/journal/{entry.id}/edit", title="Another")

    assert (answer.status_code, Entry.get().title) == (303, "Another")


@pytest.mark.parametrize("path", ["edit", "restore"])
def test_nobody_changes_what_another_wrote(as_carol, as_ada, bob, path):
    entry = an_entry(bob)
    before = rows()

    for browser in (as_carol, as_ada):
        answer = browser.submit(f"/journal/{entry.id}/{path}", page="/profile", title="Mine", body="x")
        assert answer.status_code == 403
    assert rows() == before


def test_deleting_and_bringing_back_ones_own(as_carol, client, carol):
    entry = written(carol)
    as_carol.submit(f"/journal/{entry.id}/delete", page="/profile")
    assert client.get(f"/journal/{entry.id}").status_code == 404
    assert "Bring back" in as_carol.get(f"/journal/{entry.id}").text
    assert "Bring back" in as_carol.get("/journal/mine").text

    as_carol.submit(f"/journal/{entry.id}/restore", page="/profile")
    assert client.get(f"/journal/{entry.id}").status_code == 200


def test_a_link_alone_deletes_nothing(as_carol, carol):
    entry = written(carol)

    assert as_carol.get(f"/journal/{entry.id}/delete").status_code == 405
    assert as_carol.post(f"/journal/{entry.id}/delete").status_code == 400
    assert status_of(entry) == "approved"


def test_who_has_not_confirmed_the_address_is_told_so(as_bob, bob):
    User.update(confirmed_at=None).where(User.id == bob.id).execute()
    answer = as_bob.get("/journal/new")

    assert answer.status_code == 403
    assert "Confirm your e-mail address first" in answer.text


def test_too_many_are_a_429(as_bob, bob):
    for number in range(journal.PER_PERSON):
        an_entry(bob, title=f"Number {number}")

    answer = send(as_bob, "/journal/new", title="One more", body="Kept words.")
    assert (answer.status_code, "Kept words." in answer.text) == (429, True)


# The queue


def test_administrators_see_what_waits_and_others_do_not(as_carol, as_ada, waiting):
    assert "It waits" in as_carol.get("/moderate-admin").text
    assert "<span data-waiting>1</span>" in as_carol.get("/about").text
    assert "It waits" not in as_ada.get("/moderate").text
    assert "data-waiting" not in as_ada.get("/about").text


@pytest.mark.parametrize("act, status", [("approve", "approved"), ("delete", "rejected"), ("spam", "spam")])
def test_a_button_decides_and_its_message_undoes_it(as_carol, waiting, act, status):
    answer = as_carol.submit(f"/journal/{waiting.id}/{act}", page="/moderate-admin", next="/moderate-admin")
    assert (answer.status_code, answer.location) == (303, "/moderate-admin")
    assert status_of(waiting) == status

    page = as_carol.get("/moderate-admin").text
    assert "“It waits”" in page and f'value="entry-{waiting.id}"' in page
    as_carol.submit("/moderate/bulk", page="/moderate-admin", ids=f"entry-{waiting.id}", undo=status)
    assert status_of(waiting) == "pending"


@pytest.mark.parametrize("act", ["approve", "spam", "undo"])
def test_somebody_else_presses_no_button(as_ada, as_bob, waiting, act):
    before = rows()

    assert as_ada.submit(f"/journal/{waiting.id}/{act}", page="/profile").status_code == 404
    assert as_bob.submit(f"/journal/{waiting.id}/{act}", page="/profile").status_code == 403
    assert rows() == before


def test_a_button_that_comes_too_late_says_what_it_found(as_carol, waiting, carol):
    moderation.approve(whole(waiting), carol)
    as_carol.submit(f"/journal/{waiting.id}/approve", page="/moderate-admin")

    assert "Nothing changed: the entry stands in the journal." in as_carol.get("/moderate").text


def test_entries_and_comments_are_decided_at_once(as_carol, ada, waiting):
    comment = a_comment(a_talk(ada, status="published"), "pending")
    as_carol.submit("/moderate/bulk", page="/profile", ids=[comment.id, f"entry-{waiting.id}"], act="approve")

    assert {type(comment).get_by_id(comment.id).status, status_of(waiting)} == {"approved"}
    assert "Approved: 1 comment and 1 entry." in as_carol.get("/about").text


def test_the_buttons_stand_on_the_entrys_page(as_carol, as_bob, waiting):
    assert f'formaction="/journal/{waiting.id}/approve"' in as_carol.get(f"/journal/{waiting.id}").text
    assert "data-decide" not in as_bob.get(f"/journal/{waiting.id}").text


# On the profile, and in the bar


def test_a_profile_shows_what_its_person_wrote(client, bob):
    for number in range(6):
        an_entry(bob, title=f"Number {number}.", created_at=utcnow() + timedelta(seconds=number))
    page = client.get("/user/bob").text

    assert page.index("Number 5.") < page.index("Number 1.")
    assert "Number 0." not in page
    assert "/journal/?by=bob" in page


def test_the_bar_leads_to_the_journal(client, database):
    assert '<a href="/journal/">Journal</a>' in client.get("/").text


def test_what_a_former_member_wrote_stays(client, bob):
    entry = an_entry(bob)
    Entry.update(author=None).execute()

    assert "A former member" in client.get(f"/journal/{entry.id}").text
    assert "A former member" in client.get("/journal/").text
