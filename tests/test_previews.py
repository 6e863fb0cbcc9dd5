"""How a text will look: as it is published, for so many a minute, and stored nowhere."""

import time

import pytest
from asked import EVE, FROM_HERE, TYPED, a_comment, an_open_talk, keyed, own_page, send, sent_back
from conftest import only_sqlite
from test_escaping import HOSTILE

from models import Comment
from talks import comment_pages, previews

NOW = 1_800_000_000.0


@pytest.fixture
def talk(ada):
    return an_open_talk(ada)


@only_sqlite
@pytest.mark.parametrize(
    "body", [TYPED, "**a** `b` https://example.org", "# T\n\n- x\n\n```\n<i>\n```", HOSTILE]
)
def test_the_preview_is_what_is_published(client, talk, allowance, body):
    shown = client.post("/preview", data={"body": body}, headers=FROM_HERE)

    own_page(client, talk, body=body)

    assert shown.status_code == 200 and shown.text.strip() == Comment.get().body_html


@only_sqlite
def test_the_preview_without_scripts_is_the_same(client, talk):
    answer = send(client, talk, body="**a**", preview="1")

    assert answer.status_code == 200 and "<p><strong>a</strong></p>" in answer.text
    assert sent_back(answer)["body"] == "**a**" and not Comment.select().exists()


@only_sqlite
def test_the_preview_without_scripts_keeps_what_is_answered(client, talk):
    top = a_comment(talk)

    answer = send(client, talk, f"?reply={top.id}", body="x", preview="1")

    assert sent_back(answer)["parent"] == str(top.id)


@only_sqlite
@pytest.mark.parametrize("body, said", [("", "Write"), ("a\u202eb", "U+202E"), ("x" * 10_001, "10000")])
def test_the_preview_says_what_is_wrong(client, database, allowance, body, said):
    answer = client.post("/preview", data={"body": body}, headers=FROM_HERE)

    assert answer.status_code == 422 and said in answer.text


@only_sqlite
def test_previews_are_limited(client, database, allowance, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: NOW)
    for _ in range(previews.PER_MINUTE):
        assert client.post("/preview", data={"body": "x"}).status_code == 200
    assert client.post("/preview", data={"body": "x"}).status_code == 429

    monkeypatch.setattr(time, "time", lambda: NOW + 60)
    assert client.post("/preview", data={"body": "x"}).status_code == 200


@only_sqlite
def test_long_texts_are_limited_and_come_back(client, talk, allowance, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: NOW)
    page, long = own_page(client, talk), "x" * (comment_pages.LONG + 1)
    for _ in range(comment_pages.LONG_A_MINUTE):
        assert send(client, talk, body=long, preview="1").status_code == 200

    changed = keyed(page, body=long)
    for answer in (
        send(client, talk, body=long, preview="1"),
        send(client, talk, body=long, **EVE),
        client.post(f"/comment/{Comment.get().id}/edit", data=changed, headers=FROM_HERE),
    ):
        assert (answer.status_code, sent_back(answer)["body"]) == (429, long)
    assert Comment.get().body == "How?"
    assert send(client, talk, body="A short one is fine", **EVE).status_code == 303
    monkeypatch.setattr(time, "time", lambda: NOW + 60)
    assert send(client, talk, body=long, **EVE).status_code == 303


@only_sqlite
def test_a_preview_writes_nothing(client, writes, allowance):
    client.post("/preview", data={"body": "x"})

    assert writes == []
