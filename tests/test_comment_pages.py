"""The pages behind a comment: changed and taken back by who wrote it, reported by who reads it."""

import time

import pytest
from asked import (
    FROM_HERE,
    TYPED,
    a_comment,
    an_open_talk,
    asked,
    form_under,
    keyed,
    own_page,
    path_of,
    reloaded,
    sent_back,
)
from browsing import Form
from conftest import only_sqlite, person

import main
from models import Comment, utcnow
from talks import comment_pages, tokens
from talks.allowances import Allowance

NOW = 1_800_000_000.0


@pytest.fixture
def talk(ada):
    return an_open_talk(ada)


def test_a_member_changes_and_takes_back_the_own_comment(as_bob, talk, bob):
    comment = asked(talk, author=bob)
    path = f"/comment/{comment.id}/edit"
    assert f'href="{path}"' in as_bob.get(f"/talk/{talk.id}").text
    form = Form(as_bob.get(path).text, "ask-form").fields

    answer = as_bob.post(path, data=form | {"body": "**Why**?"})
    assert answer.location == f"/talk/{talk.id}#comment-{comment.id}"
    assert reloaded(comment).body_html == "<p><strong>Why</strong>?</p>"

    as_bob.submit(f"/comment/{comment.id}/delete", page=path)
    assert reloaded(comment).status == "deleted"
    assert "You took this back." in as_bob.get(f"/talk/{talk.id}").text

    as_bob.submit(f"/comment/{comment.id}/restore", page=path)
    assert reloaded(comment).status == "approved"


@pytest.mark.parametrize("act", ["edit", "delete", "restore"])
def test_another_member_changes_nothing(as_bob, talk, act):
    comment = asked(talk, author=person("eve"))

    answer = as_bob.submit(f"/comment/{comment.id}/{act}", page=f"/talk/{talk.id}", body="Mine")

    assert answer.status_code == 403
    assert (reloaded(comment).body, reloaded(comment).status) == ("How?", "approved")


@pytest.mark.parametrize("act", ["edit", "delete", "restore"])
def test_what_one_may_not_read_is_not_found(as_bob, talk, act):
    comment = a_comment(talk, "pending")

    answer = as_bob.submit(f"/comment/{comment.id}/{act}", page=f"/talk/{talk.id}", body="x")

    assert answer.status_code in (403, 404) and reloaded(comment).status == "pending"


@only_sqlite
@pytest.mark.parametrize("act", ["edit", "delete", "restore"])
def test_a_post_without_the_forms_token_changes_nothing(as_bob, talk, bob, act):
    comment = asked(talk, author=bob)

    answer = as_bob.post(f"/comment/{comment.id}/{act}", data={"body": TYPED})

    assert answer.status_code in (400, 422)
    assert (reloaded(comment).body, reloaded(comment).status) == ("How?", "approved")


@only_sqlite
@pytest.mark.parametrize("act", ["delete", "restore"])
def test_a_link_alone_takes_nothing_back(as_bob, talk, bob, act):
    assert as_bob.get(f"/comment/{asked(talk, author=bob).id}/{act}").status_code == 405


def test_who_decides_takes_away_what_others_wrote(as_ada, talk):
    comment = asked(talk)

    as_ada.submit(f"/comment/{comment.id}/delete", page=f"/talk/{talk.id}")

    assert reloaded(comment).status == "rejected"


def test_an_edit_too_late_gives_the_text_back(as_bob, talk, bob):
    comment = asked(talk, author=bob)
    form = Form(as_bob.get(f"/comment/{comment.id}/edit").text, "ask-form").fields
    Comment.update(created_at=utcnow() - Comment.EDITABLE).execute()

    answer = as_bob.post(f"/comment/{comment.id}/edit", data=form | {"body": TYPED})

    assert answer.status_code == 422 and "quarter of an hour" in answer.text
    assert sent_back(answer)["body"] == TYPED


# The visitor's own page


@only_sqlite
def test_the_own_page_is_told_to_nobody(client, talk):
    page = client.get(own_page(client, talk))

    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"


def test_a_visitor_changes_takes_back_and_brings_back(client, talk):
    page = own_page(client, talk)
    comment = Comment.get()
    form = Form(client.get(page).text, "ask-form").fields
    nothing_known = main.app.test_client()

    changed = nothing_known.post(f"/comment/{comment.id}/edit", data=form | {"body": "**Why**?"})
    assert path_of(changed) == page and "<strong>Why</strong>" in client.get(page).text

    nothing_known.post(f"/comment/{comment.id}/delete", data=keyed(page))
    assert reloaded(comment).status == "deleted" and "You took it back" in client.get(page).text

    nothing_known.post(f"/comment/{comment.id}/restore", data=keyed(page))
    assert reloaded(comment).status == "approved"


@only_sqlite
def test_a_wrong_edit_comes_back(client, talk):
    page = own_page(client, talk)

    answer = client.post("/comment/1/edit", data=keyed(page, body=" "))

    assert answer.status_code == 422 and "Write your question or remark." in answer.text
    assert Comment.get().body == "How?"


def key_of(comment_id, purpose="comment", secret=None):
    return tokens.sign(secret or main.app.secret_key, purpose, comment_id)


# Made when they are asked for: a key is good for a quarter of an hour, and the suite takes longer.
BAD_KEYS = {
    "empty": lambda: "",
    "nonsense": lambda: "x",
    "of another comment": lambda: key_of(2),
    "of another purpose": lambda: key_of(1, "setup"),
    "of another secret": lambda: key_of(1, secret="other"),
    "of text": lambda: key_of("1"),
    "of a list": lambda: key_of([1]),
    "half a character": lambda: "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
}


@only_sqlite
@pytest.mark.parametrize("made", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_bad_key_is_refused_with_a_page_that_says_so(client, talk, made):
    comment, key = asked(talk), made()

    shown = client.get(f"/comment/{comment.id}", query_string={"key": key})
    assert shown.status_code == 403 and "not valid" in shown.text
    assert (shown.headers["Cache-Control"], shown.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    for act in ("edit", "delete", "restore"):
        answer = client.post(f"/comment/{comment.id}/{act}", data={"key": key, "body": TYPED})
        assert answer.status_code == 403 and "not valid" in answer.text
        if act == "edit":
            assert "My &lt;b&gt;long" in answer.text
    assert (reloaded(comment).body, reloaded(comment).status) == ("How?", "approved")


def test_a_key_lasts_a_quarter_of_an_hour_and_then_gives_the_text_back(client, talk, monkeypatch):
    page = own_page(client, talk)
    monkeypatch.setattr(comment_pages, "KEY_SECONDS", -1)

    assert client.get(page).status_code == 410
    answer = client.post("/comment/1/edit", data=keyed(page, body=TYPED))
    assert (
        answer.status_code == 410
        and "quarter of an hour" in answer.text
        and "My &lt;b&gt;long" in answer.text
    )
    assert client.post("/comment/1/delete", data=keyed(page)).status_code == 410
    assert Comment.get().status == "approved"


def test_a_key_of_a_comment_that_was_purged_is_not_valid(client, talk):
    page = own_page(client, talk)
    Comment.delete().execute()

    assert client.get(page).status_code == 403


NOT_SHOWN = "It was not approved"


@only_sqlite
@pytest.mark.parametrize(
    "status, said", [("rejected", NOT_SHOWN), ("spam", NOT_SHOWN), ("approved", "It stands under the talk")]
)
def test_the_own_page_says_what_became_of_it(client, talk, status, said):
    page = own_page(client, talk)
    Comment.update(status=status).execute()

    assert said in client.get(page).text


# Reports


def test_a_reader_reports_with_a_button_and_without_a_cookie(client, talk):
    comment = asked(talk)
    path = f"/comment/{comment.id}/report"
    assert f'href="{path}"' in client.get(f"/talk/{talk.id}").text
    stamp = client.get(path).text.partition('name="stamp" value="')[2].partition('"')[0]
    assert not reloaded(comment).reported_at

    answer = client.post(path, data={"stamp": stamp}, headers=FROM_HERE)

    assert answer.status_code == 303 and "Thank you" in client.get(answer.location).text
    assert reloaded(comment).reported_at and reloaded(comment).status == "approved"
    assert "Reported" not in client.get(f"/talk/{talk.id}").text


@only_sqlite
def test_a_report_without_a_stamp_is_asked_again(client, talk):
    comment = asked(talk)

    answer = client.post(f"/comment/{comment.id}/report", headers=FROM_HERE)

    assert answer.status_code == 422 and not reloaded(comment).reported_at


def test_a_member_reports_with_the_token_of_the_form(as_bob, talk):
    comment = asked(talk)
    assert as_bob.post(f"/comment/{comment.id}/report").status_code == 400

    as_bob.submit(f"/comment/{comment.id}/report")

    assert reloaded(comment).reported_at


@only_sqlite
def test_reports_are_limited(client, talk, allowance, monkeypatch):
    monkeypatch.setattr(comment_pages, "reports", Allowance(2, 3600))
    monkeypatch.setattr(time, "time", lambda: NOW)
    stamp = {"stamp": form_under(client, talk)["stamp"]}
    made = [a_comment(talk) for _ in range(3)]

    sent = [client.post(f"/comment/{each.id}/report", data=stamp, headers=FROM_HERE) for each in made]
    assert [answer.status_code for answer in sent] == [303, 303, 429]
    assert Comment.select().where(Comment.reported_at.is_null(False)).count() == 2


@only_sqlite
@pytest.mark.parametrize("status", ["pending", "rejected", "deleted"])
def test_what_is_not_shown_is_not_reported(client, talk, status):
    assert client.get(f"/comment/{a_comment(talk, status).id}/report").status_code == 404
