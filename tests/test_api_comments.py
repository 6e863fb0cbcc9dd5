"""The API about comments: reading, writing, deciding, and every status it answers with."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from asked import a_comment, an_open_talk, reloaded
from calling import BOTH, call, is_error
from conftest import only_sqlite, person
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written import a_talk, rows

from models import Comment, OutboxMail, Talk, utcnow
from talks import comments, moderation

BUTTONS = {"PUT": "approved", "DELETE": "rejected"}


@pytest.fixture
def talk(ada):
    return an_open_talk(ada, discussion="moderated")


@pytest.fixture
def waiting(talk, bob):
    return a_comment(talk, "pending", "Is *this* shown?", author=bob)


def at(comment, more=""):
    return f"/comments/{comment.id}{more}"


def ids_in(answer):
    assert answer.status_code == 200, answer.text
    return [comment["id"] for comment in answer.get_json()["comments"]]


# Deciding


@pytest.mark.parametrize("base", BOTH)
@pytest.mark.parametrize("method, status", BUTTONS.items())
@pytest.mark.parametrize("who", ["speaker", "administrator"])
def test_who_decides_does(waiting, ada, carol, base, method, status, who):
    answer = call(method, at(waiting), user={"speaker": ada, "administrator": carol}[who], base=base)

    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})
    assert reloaded(waiting).status == status


@pytest.mark.parametrize("method", BUTTONS)
def test_an_approved_comment_is_a_bad_request(waiting, ada, method):
    call("PUT", at(waiting), user=ada)

    assert is_error(call(method, at(waiting), user=ada), 400, "bad request")
    assert is_error(call(method, at(waiting, "?approved=false"), user=ada), 400, "bad request")
    assert reloaded(waiting).status == "approved"


def test_an_approved_comment_is_deleted_when_that_is_meant(waiting, ada):
    call("PUT", at(waiting), user=ada)

    assert call("DELETE", at(waiting, "?approved=true"), user=ada).status_code == 200
    assert reloaded(waiting).status == "rejected"
    assert Talk.get_by_id(waiting.talk_id).comment_count == 0


@only_sqlite
@pytest.mark.parametrize("status", ["pending", "approved", "spam"])
@pytest.mark.parametrize(
    "path, method", [("", "PUT"), ("", "DELETE"), ("/spam", "POST"), ("/keep", "POST"), ("/undo", "POST")]
)
def test_somebody_else_is_forbidden(talk, path, method, status):
    comment, sam = a_comment(talk, status), person("sam", is_speaker=True)
    before = rows()

    answer = call(method, at(comment, path), user=sam)
    assert is_error(answer, 403, "forbidden")
    assert rows() == before


@only_sqlite
@pytest.mark.parametrize(
    "method, path", [("PUT", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/undo"), ("GET", "")]
)
def test_an_unknown_comment_is_not_found(database, ada, method, path):
    assert is_error(call(method, f"/comments/99{path}", user=ada, json={"body": "x"}), 404, "not found")


@pytest.mark.parametrize("before", ["rejected", "spam", "deleted"])
def test_what_is_away_already_is_a_conflict(talk, ada, before):
    assert is_error(call("DELETE", at(a_comment(talk, before)), user=ada), 409, "conflict")


def test_what_its_author_took_back_cannot_be_approved(talk, ada):
    assert is_error(call("PUT", at(a_comment(talk, "deleted")), user=ada), 409, "conflict")


def test_spam_and_undo_and_keep(waiting, ada):
    assert call("POST", at(waiting, "/spam"), user=ada).status_code == 200
    assert reloaded(waiting).status == "spam"
    assert is_error(call("POST", at(waiting, "/spam"), user=ada), 409, "conflict")

    assert is_error(call("POST", at(waiting, "/undo"), user=ada, json={"of": "approved"}), 409, "conflict")
    assert call("POST", at(waiting, "/undo"), user=ada, json={"of": "spam"}).status_code == 200
    assert reloaded(waiting).status == "pending"
    assert is_error(call("POST", at(waiting, "/undo"), user=ada), 409, "conflict")

    assert is_error(call("POST", at(waiting, "/keep"), user=ada), 409, "conflict")
    call("PUT", at(waiting), user=ada)
    comments.report(comments.whole(waiting.id))
    assert call("POST", at(waiting, "/keep"), user=ada).status_code == 200
    assert reloaded(waiting).reported_at is None


@only_sqlite
@pytest.mark.parametrize("of", ["eaten", 5, None, [], {}])
def test_undoing_what_is_no_decision_names_the_ones_there_are(waiting, ada, of):
    answer = call("POST", at(waiting, "/undo"), user=ada, json={"of": of})

    assert is_error(answer, 422, "unprocessable entity")
    assert "approved" in answer.get_json()["fields"]["of"][0]


def test_an_approval_here_tells_who_asked_to_be_told(talk, waiting, ada):
    a_comment(talk, author=person("tina"), notify=True)
    call("PUT", at(waiting), user=ada)

    assert OutboxMail.select().where(OutboxMail.to_email == "tina@example.org").count() == 1


def test_a_decision_about_something_else_since_is_refused(waiting, ada, bob):
    read = call("GET", at(waiting), user=ada)
    comments.edit(comments.whole(waiting.id), "Something quite different")

    answer = call("PUT", at(waiting), user=ada, headers={"If-Match": read.headers["ETag"]})
    assert is_error(answer, 412, "precondition failed")
    assert reloaded(waiting).status == "pending"

    fresh = call("GET", at(waiting), user=ada).headers["ETag"]
    assert call("PUT", at(waiting), user=ada, headers={"If-Match": fresh}).status_code == 200


@pytest.mark.parametrize("method, path", [("PUT", ""), ("DELETE", ""), ("POST", "/spam"), ("POST", "/keep")])
def test_what_was_read_of_a_text_that_changed_since_is_a_conflict(waiting, ada, method, path):
    read = call("GET", at(waiting), user=ada).get_json()["edited_at"]
    comments.edit(comments.whole(waiting.id), "Buy my watches")
    assert is_error(call(method, at(waiting, path), user=ada, json={"edited_at": read}), 409, "conflict")
    assert reloaded(waiting).status == "pending"


@pytest.mark.parametrize("edits", [0, 1])
def test_what_was_read_of_the_text_may_be_said(waiting, ada, edits):
    for _ in range(edits):
        comments.edit(comments.whole(waiting.id), "Is this better?")
    read = call("GET", at(waiting), user=ada).get_json()["edited_at"]

    assert call("PUT", at(waiting), user=ada, json={"edited_at": read}).status_code == 200


@pytest.mark.parametrize("edited_at", [5, True, [], {"a": 1}, "yesterday", "\ud800"])
def test_what_no_text_has_is_a_conflict(waiting, ada, edited_at):
    assert is_error(call("PUT", at(waiting), user=ada, json={"edited_at": edited_at}), 409, "conflict")
    assert reloaded(waiting).status == "pending"


# Reading


def test_a_comment_as_everybody_reads_it(talk, bob):
    top = a_comment(talk, body="Why?", author=bob)
    answer = call("GET", at(a_comment(talk, body="Because.", parent=top)))

    assert answer.get_json() | {"created_at": None} == {
        "id": top.id + 1, "talk": talk.id, "number": 2, "parent": top.id, "status": "approved",
        "approved": True, "author": {"name": "Eve", "username": None}, "body": "Because.",
        "body_html": "<p>Because.</p>",
        "created_at": None, "edited_at": None, "url": f"http://localhost/api/1.0/comments/{top.id + 1}",
        "page": f"http://localhost/comment/{top.id + 1}",
    }  # fmt: skip
    assert answer.get_json()["created_at"].endswith("Z")


@only_sqlite
def test_addresses_stay_in_the_version_that_is_asked(talk):
    comment = a_comment(talk)

    assert "/api/v1.0/" in call("GET", at(comment), base="/api/v1.0").get_json()["url"]


def test_addresses_of_visitors_are_for_those_who_decide(talk, ada, bob):
    comment = a_comment(talk)

    assert call("GET", at(comment), user=ada).get_json()["author_email"] == "eve@example.org"
    for user in (None, bob):
        assert "eve@example.org" not in call("GET", at(comment), user=user).text
        assert "eve@example.org" not in call("GET", f"/talks/{talk.id}/comments/", user=user).text


def test_a_waiting_comment_is_read_by_its_author_and_those_who_decide(waiting, ada, bob, carol):
    for user, status in ((ada, 200), (bob, 200), (carol, 200), (person("mia"), 404), (None, 404)):
        assert call("GET", at(waiting), user=user).status_code == status


def test_what_has_not_changed_is_not_sent_again(talk):
    comment = a_comment(talk)
    tag = call("GET", at(comment)).headers["ETag"]

    assert call("GET", at(comment), headers={"If-None-Match": tag}).status_code == 304


@pytest.fixture
def mixed(talk, bob):
    """Comments on one talk in all states: {status: comment}."""
    made = {status: a_comment(talk, status) for status in ("approved", "pending", "rejected", "spam")}
    return made | {"own": a_comment(talk, "pending", author=bob)}


def test_a_talks_comments_are_those_that_who_asks_may_read(talk, mixed, ada, bob, carol):
    seen = {
        None: ["approved"], "bob": ["approved", "own"], "mia": ["approved"],
        "ada": list(mixed), "carol": list(mixed),
    }  # fmt: skip
    people = {None: None, "bob": bob, "mia": person("mia"), "ada": ada, "carol": carol}
    for name, expected in seen.items():
        answer = call("GET", f"/talks/{talk.id}/comments/", user=people[name])
        assert ids_in(answer) == [mixed[key].id for key in expected], name
        assert answer.get_json()["count"] == len(expected)


def test_a_talks_comments_by_state(talk, mixed, ada):
    path = f"/talks/{talk.id}/comments/"

    assert ids_in(call("GET", f"{path}?approved=false", user=ada)) == [mixed["pending"].id, mixed["own"].id]
    assert ids_in(call("GET", f"{path}?approved=true", user=ada)) == [mixed["approved"].id]
    assert ids_in(call("GET", f"{path}?approved=false")) == []


def test_the_comments_of_a_draft_are_for_those_who_see_it(ada, bob):
    talk = a_talk(ada)
    a_comment(talk)

    assert call("GET", f"/talks/{talk.id}/comments/", user=ada).status_code == 200
    for user in (bob, None):
        assert is_error(call("GET", f"/talks/{talk.id}/comments/", user=user), 404, "not found")


def test_what_waits_is_what_waits_for_the_one_who_asks(mixed, ada, bob, carol):
    eve = person("eve", is_speaker=True)
    other = a_comment(an_open_talk(eve), "pending")
    own = [mixed["pending"].id, mixed["own"].id]

    for user, expected in ((ada, own), (eve, [other.id]), (carol, [*own, other.id]), (bob, [])):
        answer = call("GET", "/comments/?approved=false", user=user)
        assert ids_in(answer) == expected
        assert answer.get_json()["count"] == len(expected)
    assert is_error(call("GET", "/comments/?approved=false"), 401, "unauthorized")


def test_all_comments_are_the_approved_ones_newest_first(mixed, ada):
    hidden = a_talk(ada)
    a_comment(hidden)
    newer = a_comment(an_open_talk(ada))

    for query in ("", "?approved=true"):
        answer = call("GET", f"/comments/{query}")
        assert ids_in(answer) == [newer.id, mixed["approved"].id]
        assert answer.get_json()["count"] == 2


@pytest.mark.parametrize("path", ["/comments/", "/talks/1/comments/", "/comments/?approved=false"])
def test_a_collection_is_read_to_its_end_and_back(talk, ada, path):
    status = "pending" if "false" in path else "approved"
    made = [a_comment(talk, status).id for _ in range(7)]
    answer = call("GET", f"{path}{'&' if '?' in path else '?'}per_page=3", user=ada)
    seen, pages = ids_in(answer), 1
    assert answer.get_json()["prev"] is None
    while address := answer.get_json()["next"]:
        assert f'<{address}>; rel="next"' in answer.headers.getlist("Link")
        parts = urlsplit(address)
        before, answer = answer, call("GET", f"{parts.path}?{parts.query}", user=ada, base="")
        seen, pages = seen + ids_in(answer), pages + 1
        assert answer.get_json()["count"] == 7
        back = urlsplit(answer.get_json()["prev"])
        assert ids_in(call("GET", f"{back.path}?{back.query}", user=ada, base="")) == ids_in(before)

    assert pages == 3
    assert seen == (made[::-1] if path == "/comments/" else made)


@only_sqlite
@pytest.mark.parametrize("path", ["/comments/", "/talks/1/comments/"])
@pytest.mark.parametrize("query", ["per_page=0", "per_page=101", "per_page=x", "per_page=", "approved=maybe"])
def test_a_bad_query_says_what_is_right(talk, path, query):
    answer = call("GET", f"{path}?{query}")

    assert is_error(answer, 400, "bad request")
    assert answer.get_json()["message"].startswith(f"{query.split('=')[0]}: use ")


@only_sqlite
@pytest.mark.parametrize("path", ["/comments/", "/talks/1/comments/"])
@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=99", "after=x", "before=1.x", "after=%00", "after=9e9", "before=-1"]
)
def test_a_page_that_is_not_there_is_not_found(talk, path, query):
    a_comment(talk)

    assert is_error(call("GET", f"{path}?{query}"), 404, "not found")


# Writing


def test_writing_answers_with_the_comment_and_where_it_is(talk, bob):
    sent = {"body": "Why *not*?", "notify": True}
    answer = call("POST", f"/talks/{talk.id}/comments/", user=bob, json=sent)
    made = Comment.get()

    assert (answer.status_code, answer.location) == (201, f"/api/1.0/comments/{made.id}")
    assert (
        answer.get_json()["status"] == "pending"
        and answer.get_json()["body_html"] == "<p>Why <em>not</em>?</p>"
    )
    assert (made.author, made.notify, made.body) == (bob, True, "Why *not*?")


def test_a_speakers_answer_is_shown_at_once(talk, ada, bob):
    top = a_comment(talk, author=bob)
    answer = call("POST", f"/talks/{talk.id}/comments/", user=ada, json={"body": "So.", "parent": top.id})

    assert answer.get_json()["approved"] and answer.get_json()["parent"] == top.id


@only_sqlite
@pytest.mark.parametrize(
    "sent, field",
    [
        ({}, "body"), ({"body": ""}, "body"), ({"body": "  \n"}, "body"), ({"body": None}, "body"),
        ({"body": 5}, "body"), ({"body": ["x"]}, "body"), ({"body": "x" * 10_001}, "body"),
        ({"body": "a\0b"}, "body"), ({"body": "a\u202eb"}, "body"), ({"body": "\ud800"}, "body"),
        ({"body": "x", "parent": "1"}, "parent"), ({"body": "x", "parent": 99}, "parent"),
        ({"body": "x", "parent": True}, "parent"), ({"body": "x", "parent": 10**30}, "parent"),
        ({"body": "x", "parent": 0}, "parent"), ({"body": "x", "parent": -1}, "parent"),
        ({"body": "x", "notify": "yes"}, "notify"), ({"body": "x", "notify": 1}, "notify"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_is_wrong_is_said_by_field(talk, bob, sent, field):
    answer = call("POST", f"/talks/{talk.id}/comments/", user=bob, json=sent)

    assert is_error(answer, 422, "unprocessable entity")
    assert answer.get_json()["fields"].keys() == {field}
    assert all(isinstance(message, str) for message in answer.get_json()["fields"][field])
    assert not Comment.select().exists()


@only_sqlite
@pytest.mark.parametrize(
    "sent, status, name",
    [
        ({"data": "body=x"}, 415, "unsupported media type"),
        ({"data": {"body": "x"}}, 415, "unsupported media type"),
        ({"data": "<body/>", "content_type": "text/xml"}, 415, "unsupported media type"),
        ({"data": "{", "content_type": "application/json"}, 400, "bad request"),
        ({"json": ["body"]}, 400, "bad request"),
        ({}, 400, "bad request"),
    ],
)
def test_what_is_no_json_object_is_refused(talk, waiting, bob, sent, status, name):
    assert is_error(call("POST", f"/talks/{talk.id}/comments/", user=bob, **sent), status, name)
    assert is_error(call("PATCH", at(waiting), user=bob, **sent), status, name)


@only_sqlite
def test_a_visitor_says_who_they_are_to_write(talk):
    assert is_error(call("POST", f"/talks/{talk.id}/comments/"), 400, "bad request")
    assert is_error(call("POST", f"/talks/{talk.id}/comments/", json={"body": "x"}), 401, "unauthorized")


def test_a_closed_discussion_is_forbidden(ada, bob):
    talk = an_open_talk(ada, discussion="closed")
    answer = call("POST", f"/talks/{talk.id}/comments/", user=bob, json={"body": "x"})

    assert is_error(answer, 403, "forbidden")


def test_the_limits_of_the_page_hold_here(talk, bob):
    path = f"/talks/{talk.id}/comments/"
    answers = [call("POST", path, user=bob, json={"body": f"Question {n}?"}) for n in range(60)]

    assert is_error(answers[-1], 429, "too many requests")
    assert Comment.select().count() == sum(answer.status_code == 201 for answer in answers)


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(["body", "parent", "notify", "token", "of", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=4,
        ),
    )
)
def test_whatever_is_sent_is_answered(ada, sent):
    talk = Talk.get_or_none() or an_open_talk(ada)
    comment = Comment.get_or_none() or a_comment(talk, author=ada)
    for method, path in (
        ("POST", f"/talks/{talk.id}/comments/"),
        ("PATCH", at(comment)),
        ("POST", at(comment, "/undo")),
    ):
        assert call(method, path, user=ada, json=sent).status_code < 500
        assert call(method, path, json=sent).status_code in (400, 401)


# Changing and taking back one's own


def test_an_author_changes_the_text(waiting, bob):
    answer = call("PATCH", at(waiting), user=bob, json={"body": "**Better**?"})

    assert answer.status_code == 200
    assert answer.get_json()["body_html"] == "<p><strong>Better</strong>?</p>"
    assert answer.get_json()["edited_at"]


@only_sqlite
@pytest.mark.parametrize("who", ["speaker", "administrator"])
def test_nobody_else_changes_the_text(waiting, ada, carol, who):
    answer = call("PATCH", at(waiting), user=ada if who == "speaker" else carol, json={"body": "x"})

    assert is_error(answer, 403, "forbidden")
    assert reloaded(waiting).body == waiting.body


def test_the_time_for_changes_ends(waiting, bob):
    Comment.update(created_at=utcnow() - timedelta(minutes=16)).execute()

    assert is_error(call("PATCH", at(waiting), user=bob, json={"body": "x"}), 403, "forbidden")


@only_sqlite
def test_a_change_is_checked_like_the_first_text(waiting, bob):
    answer = call("PATCH", at(waiting), user=bob, json={"body": " "})

    assert is_error(answer, 422, "unprocessable entity") and "body" in answer.get_json()["fields"]


def test_an_author_takes_the_own_comment_back(waiting, ada, bob):
    moderation.approve(comments.whole(waiting.id), ada)
    assert is_error(call("DELETE", at(waiting), user=bob), 400, "bad request")

    assert call("DELETE", at(waiting, "?approved=true"), user=bob).status_code == 200
    assert reloaded(waiting).status == "deleted"
    assert is_error(call("DELETE", at(waiting), user=bob), 409, "conflict")
