"""The form under a talk: who asks, what is wrong with it, and that no text is ever lost."""

import io
import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from asked import (
    EVE,
    FROM_HERE,
    TYPED,
    a_comment,
    an_open_talk,
    assert_given_back,
    form_under,
    own_page,
    path_of,
    send,
    sent_back,
)
from conftest import only_sqlite
from test_escaping import HOSTILE, check
from written import a_talk

import main
from models import Comment, Talk, utcnow

KEPT = TYPED.replace("\r\n", "\n")


@pytest.fixture
def talk(ada):
    return an_open_talk(ada)


# A visitor asks


def test_a_visitor_asks_and_comes_to_a_page_that_says_it_waits(client, ada):
    talk = an_open_talk(ada, discussion="moderated")

    page = client.get(own_page(client, talk, body=TYPED))

    comment = Comment.get()
    assert (comment.body, comment.author_name, comment.status) == (KEPT, "Eve", "pending")
    assert "It waits to be approved" in page.text
    assert "thought" not in client.get(f"/talk/{talk.id}").text


def test_under_an_open_talk_it_stands_there_at_once(client, talk):
    page = client.get(own_page(client, talk, body="Shown at once"))

    assert "It stands under the talk" in page.text
    assert "Shown at once" in client.get(f"/talk/{talk.id}").text


def test_a_visitor_never_gets_a_cookie(client, talk):
    page = own_page(client, talk)
    answers = [
        client.get(f"/talk/{talk.id}"), client.get(page), send(client, talk, body=""),
        send(client, talk, body="x", preview="1"), client.get("/comment/1"), client.get("/comment/1/report"),
        client.post("/preview", data={"body": "x"}), client.get("/comment/1?key=x"),
        client.post("/comment/1/delete", data={"key": parse_qs(urlsplit(page).query)["key"][0]}),
    ]  # fmt: skip

    assert not [answer for answer in answers if "Set-Cookie" in answer.headers]


def test_the_page_is_the_same_for_every_visitor(client, talk, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    a_comment(talk)
    other = main.app.test_client()
    other.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    own_page(other, talk, body="Other words")

    assert client.get(f"/talk/{talk.id}").data == other.get(f"/talk/{talk.id}").data
    assert "Cache-Control" not in client.get(f"/talk/{talk.id}").headers


@only_sqlite
def test_the_form_says_who_sees_the_address(client, talk):
    assert (
        "Only the speaker and the administrators of this site see it." in client.get(f"/talk/{talk.id}").text
    )


def test_where_no_speaker_has_an_account_the_form_names_the_administrators(client):
    page = client.get(f"/talk/{a_talk(status='published', speakers=[], discussion='moderated').id}").text

    assert "Only the administrators of this site see it." in page
    assert "Shown after an administrator has looked at it." in page


@only_sqlite
@pytest.mark.parametrize(
    "values, said",
    [
        ({"discussion": "closed"}, "Questions are closed."),
        ({"discussion": "members"}, "People with an account ask here."),
        ({"discussion_days": 1}, "Questions closed on"),
    ],
)
def test_where_a_visitor_cannot_ask_the_page_says_why(client, ada, values, said):
    talk = an_open_talk(ada, **values)
    Talk.update(published_at=utcnow() - timedelta(days=2)).execute()
    a_comment(talk)

    text = client.get(f"/talk/{talk.id}").text

    assert said in text and 'name="body"' not in text


def test_an_imported_talk_without_comments_says_nothing_of_questions(client, ada):
    talk = an_open_talk(ada, discussion="", imported_from="pyvideo", imported_key="x")

    assert "uestion" not in client.get(f"/talk/{talk.id}").text


# What is typed wrong comes back


@only_sqlite
@pytest.mark.parametrize(
    "field, typed, said",
    [
        ("body", "", "Write your question or remark."),
        ("body", " \n\t\r\n ", "Write your question or remark."),
        ("body", "\u200b\u2800", "Write your question or remark."),
        ("body", "x" * 10_001, "10000 characters"),
        ("body", "a\x07b", "U+0007"),
        ("body", "a\0b", "U+0000"),
        ("body", "a\u202eb", "U+202E"),
        ("name", "", "Tell people your name."),
        ("name", "\u200b", "Tell people your name."),
        ("name", "x" * 65, "64 characters"),
        ("name", "Eve\r\nBcc: all@example.org", "Write this on one line."),
        ("name", "Eve\nBcc: all@example.org", "Write this on one line."),
        ("name", "Eve\u2028Bcc: all@example.org", "Write this on one line."),
        ("name", "Eve\u202egnp.exe", "U+202E"),
        ("email", "", "Enter your e-mail address."),
        ("email", "eve", "That is not an e-mail address."),
        ("email", "eve@example.org\r\nBcc: all@example.org", "That is not an e-mail address."),
        ("email", "eve@example.org, bob@example.org", "That is not an e-mail address."),
        ("email", "x" * 400 + "@example.org", "320 characters"),
        ("parent", "x", "integer"),
    ],
)
def test_what_is_typed_wrong_is_said_and_comes_back(client, talk, field, typed, said):
    filled = EVE | {"body": TYPED} | {field: typed}

    answer = send(client, talk, **filled)

    assert answer.status_code == 422 and said in answer.text
    assert not Comment.select().exists()
    back = sent_back(answer)
    for name in {"body", "name", "email"} - {field}:
        assert back[name] == filled[name]
    if field == "body" and typed.strip() and "\0" not in typed:
        assert typed in back["body"]


@only_sqlite
def test_a_hostile_form_comes_back_as_words(client, talk):
    answer = send(client, talk, body=HOSTILE, name=HOSTILE, email=HOSTILE, parent=HOSTILE, homepage=HOSTILE)

    assert answer.status_code == 422
    check(answer.text)


@only_sqlite
def test_hostile_words_are_words_on_every_page(client, as_ada, talk):
    key = own_page(client, talk, body=HOSTILE, name=HOSTILE[:64])

    for browser, path in ((client, f"/talk/{talk.id}"), (client, key), (client, "/comment/1/report"),
                          (as_ada, f"/talk/{talk.id}")):  # fmt: skip
        check(browser.get(path).text)


FIELDS = ("body", "name", "email", "homepage", "parent", "notify", "stamp")


@only_sqlite
@pytest.mark.parametrize("field", FIELDS)
def test_a_file_is_no_text(client, talk, field):
    filled = form_under(client, talk) | EVE | {"body": "How?"}
    filled[field] = (io.BytesIO(b"x"), "x.txt")

    answer = client.post(
        f"/talk/{talk.id}", data=filled, content_type="multipart/form-data", headers=FROM_HERE
    )
    assert answer.status_code in (303, 422)
    assert Comment.select().count() == (answer.status_code == 303)


@only_sqlite
@pytest.mark.parametrize(
    "sent", [[1], "x", 5, None, *({field: 5} for field in FIELDS), {"body": ["a", {}]}], ids=str
)
@pytest.mark.parametrize("path", ["/talk/1", "/preview"])
def test_json_is_no_form(client, talk, path, sent):
    assert client.post(path, json=sent, headers=FROM_HERE).status_code == 422
    assert not Comment.select().exists()


def test_the_longest_comment_of_a_visitor_is_taken(client, talk):
    own_page(client, talk, body="𠮷" * 10_000, name="𠮷" * 64)

    assert len(Comment.get().body) == 10_000


@only_sqlite
def test_a_text_twice_too_long_comes_back_whole(client, talk):
    answer = send(client, talk, body="é" * 20_000, **EVE)

    assert answer.status_code == 422 and len(sent_back(answer)["body"]) == 20_000


@only_sqlite
def test_a_line_break_counts_as_one_character(client, talk):
    answer = send(client, talk, body="x\r\n" * 5_000, **EVE)

    assert answer.status_code == 303
    assert Comment.get().body == "x\n" * 4_999 + "x"


@pytest.mark.parametrize(
    "change", [{"discussion": "closed"}, {"discussion": "members"}, {"discussion_days": 1}]
)
def test_a_discussion_that_closed_meanwhile_gives_the_text_back(client, talk, change):
    filled = form_under(client, talk) | EVE | {"body": TYPED}
    Talk.update(published_at=utcnow() - timedelta(days=2), **change).where(Talk.id == talk.id).execute()

    answer = client.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE)

    assert_given_back(answer, 422, "Not sent yet")


@pytest.mark.parametrize("status", ["draft", "deleted"])
def test_a_talk_that_went_meanwhile_gives_the_text_back(client, talk, status):
    filled = form_under(client, talk) | EVE | {"body": TYPED}
    Talk.update(status=status).where(Talk.id == talk.id).execute()

    answer = client.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE)

    unknown = client.post("/talk/99", data=filled, headers=FROM_HERE)
    for found in (answer, unknown):  # which of the two it is, is nobody's business
        assert found.status_code == 404 and "This talk is not there, or not any more" in found.text
        assert "My &lt;b&gt;long&lt;/b&gt;" in found.text


def test_a_speaker_cannot_ask_under_the_own_draft_and_keeps_the_text(as_ada, ada, talk):
    draft = a_talk(ada)
    filled = form_under(as_ada, talk) | {"body": TYPED}

    answer = as_ada.post(f"/talk/{draft.id}", data=filled, headers=FROM_HERE)

    assert_given_back(answer, 422, "not published now")


def test_an_answer_to_what_is_gone_stands_alone_when_sent_again(client, talk):
    gone = a_comment(talk)
    filled = form_under(client, talk, f"?reply={gone.id}") | EVE | {"body": TYPED}
    assert filled["parent"] == str(gone.id)
    Comment.update(status="rejected").execute()

    answer = client.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE)
    assert answer.status_code == 422 and "not there any more" in answer.text
    again = client.post(f"/talk/{talk.id}", data=sent_back(answer), headers=FROM_HERE)

    assert again.status_code == 303
    assert Comment.get(Comment.body == KEPT).parent is None


def test_an_answer_stands_under_what_it_answers(client, talk):
    top = a_comment(talk)

    send(client, talk, f"?reply={top.id}", body="Because", **EVE)

    assert Comment.get(Comment.body == "Because").parent == top


@pytest.mark.parametrize("reply", ["99", "x", "-1", "9" * 30, ""])
def test_an_odd_reply_is_a_plain_form(client, talk, reply):
    assert form_under(client, talk, f"?reply={reply}")["parent"] == ""


# A member asks


def test_a_member_asks_and_comes_to_where_it_stands(as_bob, ada):
    talk = an_open_talk(ada, discussion="moderated")

    answer = send(as_bob, talk, body="How?", notify="y")

    comment = Comment.get()
    assert answer.location == f"/talk/{talk.id}#comment-{comment.id}"
    assert (comment.author.username, comment.notify, comment.status) == ("bob", True, "pending")
    assert "It waits to be approved" in as_bob.get(path_of(answer)).text


@only_sqlite
def test_a_members_form_asks_for_neither_name_nor_address(as_bob, talk):
    assert {"name", "email", "stamp"}.isdisjoint(form_under(as_bob, talk))
