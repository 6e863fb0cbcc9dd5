"""The API about entries of the journal, and every status it answers with."""

from urllib.parse import urlsplit

import pytest
from asked import an_open_talk
from calling import BOTH, call, is_error
from conftest import person
from entered import an_entry, status_of, written
from test_mentions import talk_status
from written import rows

from models import AuditEvent, Entry, User
from talks import journal

NEW = {"title": "A title", "body": "Some *words*."}


def at(entry, more=""):
    return f"/entries/{entry.id}{more}"


def titles_in(answer):
    assert answer.status_code == 200, answer.text
    return [entry["title"] for entry in answer.get_json()["entries"]]


# Reading


@pytest.mark.parametrize("base", BOTH)
def test_everybody_reads_what_is_approved_newest_first(ada, bob, base):
    for title in ("First", "Second"):
        an_entry(ada, title=title)
    an_entry(bob, "pending", "Waits")

    answer = call("GET", "/entries/", base=base)
    assert titles_in(answer) == ["Second", "First"]
    assert answer.get_json()["count"] == 2


def test_entries_are_paged(ada):
    for number in range(5):
        an_entry(ada, title=f"Number {number}")
    first = call("GET", "/entries/?per_page=2")
    address = urlsplit(first.get_json()["next"])

    second = call("GET", f"/entries/?{address.query}")
    assert titles_in(first) + titles_in(second) == [f"Number {number}" for number in (4, 3, 2, 1)]
    assert 'rel="next"' in first.headers["Link"]


def test_what_waits_is_for_administrators(bob, carol):
    an_entry(bob, "pending", "Waits")
    an_entry(bob, title="Shown")

    assert titles_in(call("GET", "/entries/?approved=false", user=carol)) == ["Waits"]
    assert titles_in(call("GET", "/entries/?approved=false", user=bob)) == []
    assert is_error(call("GET", "/entries/?approved=false"), 401, "unauthorized")
    assert is_error(call("GET", "/entries/?approved=x"), 400, "bad request")


def test_an_entry_as_json(ada):
    talk = an_open_talk(ada)
    entry = written(ada, talk=talk)
    shown = call("GET", at(entry)).get_json()

    assert (shown["title"], shown["body"], shown["body_html"]) == (
        "A title", "Some *words*.", "<p>Some <em>words</em>.</p>"
    )  # fmt: skip
    assert shown["author"] == {"name": "Ada", "username": "ada"}
    assert (shown["talk"], shown["talk_status"]) == (talk.id, "approved")
    assert shown["page"].endswith(f"/journal/{entry.id}")
    assert shown["created_at"].endswith("Z")


def test_what_is_not_shown_is_not_found_but_by_its_author_and_administrators(bob, ada, carol):
    entry = an_entry(bob, "pending")

    assert is_error(call("GET", at(entry)), 404, "not found")
    assert is_error(call("GET", at(entry), user=ada), 404, "not found")
    assert call("GET", at(entry), user=bob).get_json()["status"] == "pending"
    assert call("GET", at(entry), user=carol).get_json()["approved"] is False


# Writing


@pytest.mark.parametrize("base", BOTH)
def test_writing(ada, base):
    answer = call("POST", "/entries/", user=ada, json=NEW, base=base)

    assert answer.status_code == 201
    assert urlsplit(answer.headers["Location"]).path == f"{base}/entries/{answer.get_json()['id']}"
    assert (answer.get_json()["status"], answer.get_json()["talk"]) == ("approved", None)
    assert AuditEvent.get().door == "api"


def test_a_members_first_entry_waits(bob):
    assert call("POST", "/entries/", user=bob, json=NEW).get_json()["status"] == "pending"


def test_an_entry_names_a_talk_by_its_number(bob, ada):
    talk = an_open_talk(ada)
    answer = call("POST", "/entries/", user=bob, json=NEW | {"talk": talk.id})

    assert (answer.get_json()["talk"], answer.get_json()["talk_status"]) == (talk.id, "pending")


@pytest.mark.parametrize(
    "sent, field",
    [
        ({"body": "Words."}, "title"),
        (NEW | {"title": " "}, "title"),
        (NEW | {"title": 5}, "title"),
        (NEW | {"title": "x" * 256}, "title"),
        (NEW | {"body": None}, "body"),
        (NEW | {"body": "x" * 20_001}, "body"),
        (NEW | {"talk": 99}, "talk"),
        (NEW | {"talk": "1"}, "talk"),
        (NEW | {"talk": -1}, "talk"),
        (NEW | {"talk": True}, "talk"),
        (NEW | {"talk": 10**30}, "talk"),
    ],
)
def test_what_is_wrong_is_named(bob, sent, field):
    answer = call("POST", "/entries/", user=bob, json=sent)

    assert is_error(answer, 422, "unprocessable entity")
    assert list(answer.get_json()["fields"]) == [field]
    assert not Entry.select().exists()


def test_a_taken_title_is_named(bob):
    written(bob)
    answer = call("POST", "/entries/", user=bob, json=NEW)

    assert is_error(answer, 422, "unprocessable entity")
    assert "of that title already" in answer.get_json()["fields"]["title"][0]


def test_too_many_are_too_many(bob):
    for number in range(journal.PER_PERSON):
        an_entry(bob, title=f"Number {number}")

    assert is_error(call("POST", "/entries/", user=bob, json=NEW), 429, "too many requests")


def test_who_has_not_confirmed_the_address_writes_nothing(bob):
    User.update(confirmed_at=None).where(User.id == bob.id).execute()

    answer = call("POST", "/entries/", user=User.get_by_id(bob.id), json=NEW)
    assert answer.status_code in (401, 403)
    assert not Entry.select().exists()


@pytest.mark.parametrize(
    "method, path", [("POST", "/entries/"), ("PUT", "/entries/1"), ("DELETE", "/entries/1")]
)
def test_a_visitor_writes_nothing(ada, method, path):
    written(ada)
    before = rows()

    assert is_error(call(method, path, json=NEW), 401, "unauthorized")
    assert is_error(call(method, path), 400, "bad request")
    assert rows() == before


# Changing and deleting one's own


def test_changing_ones_own(ada):
    entry = written(ada)
    answer = call("PUT", at(entry), user=ada, json={"title": "Another", "body": "Other words."})

    assert answer.status_code == 200
    assert (answer.get_json()["title"], answer.get_json()["body"]) == ("Another", "Other words.")


def test_an_entry_is_put_whole(ada):
    entry = written(ada, talk=an_open_talk(ada))

    assert is_error(call("PUT", at(entry), user=ada, json={"title": "Another"}), 422, "unprocessable entity")
    assert call("PUT", at(entry), user=ada, json=NEW).get_json()["talk"] is None


def test_what_was_taken_away_is_not_changed(bob):
    assert is_error(call("PUT", at(an_entry(bob, "rejected")), user=bob, json=NEW), 409, "conflict")


@pytest.mark.parametrize("method, status", [("PUT", 403), ("DELETE", 403)])
def test_nobody_else_changes_it(bob, ada, method, status):
    entry = an_entry(bob)
    before = rows()

    assert is_error(call(method, at(entry), user=ada, json=NEW), status, "forbidden")
    assert rows() == before


def test_deleting_ones_own(ada):
    entry = written(ada)

    assert call("DELETE", at(entry), user=ada).get_json() == {"status": "ok"}
    assert status_of(entry) == "deleted"
    assert is_error(call("DELETE", at(entry), user=ada), 409, "conflict")


def test_an_earlier_version_is_not_written_over(ada):
    entry = written(ada)
    etag = call("GET", at(entry)).headers["ETag"]
    call("PUT", at(entry), user=ada, json={"title": "Another", "body": "x"})

    answer = call("PUT", at(entry), user=ada, json=NEW, headers={"If-Match": etag})
    assert is_error(answer, 412, "precondition failed")
    assert Entry.get().title == "Another"


# Deciding


def test_administrators_decide(bob, carol):
    entry = an_entry(bob, "pending")

    assert call("POST", at(entry, "/approve"), user=carol).get_json() == {"status": "ok"}
    assert is_error(call("POST", at(entry, "/approve"), user=carol), 409, "conflict")
    assert call("POST", at(entry, "/undo"), user=carol, json={"of": "approved"}).status_code == 200
    assert call("POST", at(entry, "/spam"), user=carol).status_code == 200
    assert is_error(call("POST", at(entry, "/undo"), user=carol, json={"of": "approved"}), 409, "conflict")
    assert call("POST", at(entry, "/undo"), user=carol).status_code == 200
    assert call("DELETE", at(entry), user=carol).status_code == 200
    assert status_of(entry) == "rejected"


@pytest.mark.parametrize("path", ["/approve", "/spam", "/undo"])
def test_authors_do_not_decide(bob, path):
    entry = an_entry(bob, "pending")

    assert is_error(call("POST", at(entry, path), user=bob), 403, "forbidden")
    assert status_of(entry) == "pending"


def test_who_decides_about_a_talk_decides_what_shows_under_it(bob, ada):
    entry = an_entry(bob, talk=an_open_talk(ada), talk_status="pending")

    assert is_error(call("PUT", at(entry, "/talk"), user=bob), 403, "forbidden")
    assert call("PUT", at(entry, "/talk"), user=ada).status_code == 200
    assert talk_status(entry) == "approved"
    assert call("POST", at(entry, "/talk/undo"), user=ada, json={"of": "approved"}).status_code == 200
    assert call("DELETE", at(entry, "/talk"), user=ada).status_code == 200
    assert talk_status(entry) == "rejected"
    assert is_error(call("DELETE", at(entry, "/talk"), user=ada), 409, "conflict")


def test_an_entry_that_names_no_talk_shows_under_none(bob, carol):
    assert is_error(call("PUT", at(an_entry(bob), "/talk"), user=carol), 404, "not found")


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", ""),
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/approve"),
        ("POST", "/spam"),
        ("POST", "/undo"),
        ("PUT", "/talk"),
    ],
)
def test_an_unknown_entry_is_not_found(carol, method, path):
    assert is_error(call(method, f"/entries/99{path}", user=carol, json=NEW), 404, "not found")


def test_a_speaker_does_not_learn_of_an_entry_that_waits(bob, ada):
    entry = an_entry(bob, "pending", talk=an_open_talk(ada), talk_status="pending")

    assert is_error(call("PUT", at(entry, "/talk"), user=ada), 404, "not found")
    assert is_error(call("PUT", at(entry, "/talk"), user=person("sam")), 404, "not found")
