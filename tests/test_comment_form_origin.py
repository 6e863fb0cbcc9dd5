"""Where a form under a talk comes from: which site, page and sign-in, and what is noted of a refusal."""

import pytest
from asked import (
    EVE,
    FROM_HERE,
    TYPED,
    a_comment,
    an_open_talk,
    assert_given_back,
    form_under,
    reloaded,
    send,
    sent_back,
)
from conftest import only_sqlite

from models import Comment, Refusal, Talk
from talks import stamps


@pytest.fixture
def talk(ada):
    return an_open_talk(ada)


# Where a form comes from


@only_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://localhost.elsewhere.example"},
        {"Origin": "http://localhost:8080"},
        {"Origin": "http://[bad"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/talk/1", "/preview", "/comment/1/report", "/comment/1/edit"])
def test_a_form_of_another_site_is_refused(client, talk, headers, path):
    a_comment(talk)
    filled = form_under(client, talk) | EVE | {"body": TYPED}

    answer = client.post(path, data=filled, headers=headers)

    assert answer.status_code == 400 and "another site" in answer.text
    assert Comment.select().count() == 1 and not reloaded(Comment.get()).reported_at


@only_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Origin": "https://LOCALHOST"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://name-behind-the-proxy.example"},
    ],
    ids=str,
)
def test_a_form_of_this_site_is_taken(client, talk, headers):
    assert send(client, talk, headers=headers, body="How?", **EVE).status_code == 303


@only_sqlite
@pytest.mark.parametrize("stamp", ["", "x", "x.y", "é", "W10.x", "a" * 5000])
def test_a_form_without_a_good_stamp_comes_back_with_one(client, talk, stamp):
    answer = send(client, talk, body=TYPED, stamp=stamp, **EVE)

    assert_given_back(answer, 422, "open for too long")
    assert client.post(f"/talk/{talk.id}", data=sent_back(answer), headers=FROM_HERE).status_code == 303


@only_sqlite
def test_a_stamp_is_for_one_talk(client, ada, talk):
    other = form_under(client, an_open_talk(ada))["stamp"]

    assert_given_back(send(client, talk, body=TYPED, stamp=other, **EVE), 422, "open for too long")


HOUR, NOW = 3600, 1_800_000_000.0


@pytest.mark.parametrize(
    "age, good", [(0, True), (47, True), (48, True), (49, False), (500, False), (-1, True), (-2, False)]
)
def test_a_stamp_is_good_for_two_days(age, good):
    assert stamps.is_good("secret", stamps.stamp("secret", 7, NOW - age * HOUR), 7, NOW) is good


def test_a_stamp_of_another_secret_is_not_good():
    assert not stamps.is_good("secret", stamps.stamp("other", 7, NOW), 7, NOW)


def test_a_stamp_is_the_same_for_an_hour():
    start = NOW - NOW % HOUR
    assert stamps.stamp("secret", 7, start) == stamps.stamp("secret", 7, start + HOUR - 1)


def test_a_sign_in_that_ended_gives_the_text_back(as_bob, talk):
    filled = form_under(as_bob, talk) | {"body": TYPED}
    as_bob.submit("/auth/logout", page="/auth/logout")

    answer = as_bob.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE)

    assert_given_back(answer, 422, "belongs to another sign-in")


def test_a_sign_in_that_began_meanwhile_gives_the_text_back(client, talk, bob):
    filled = form_under(client, talk) | EVE | {"body": TYPED}
    client.sign_in(bob)

    answer = client.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE)

    assert_given_back(answer, 422, "belongs to another sign-in")
    assert client.post(f"/talk/{talk.id}", data=sent_back(answer), headers=FROM_HERE).status_code == 303


@only_sqlite
def test_a_member_without_the_token_of_the_form_writes_nothing(as_bob, talk):
    answer = as_bob.post(f"/talk/{talk.id}", data={"body": TYPED}, headers=FROM_HERE)

    assert_given_back(answer, 422, "belongs to another sign-in")


def test_refusals_of_a_form_are_not_written_twice(client, talk):
    send(client, talk, body="How?", homepage="x", **EVE)

    assert Refusal.select().count() == 1


@pytest.mark.parametrize("body", ["How so?", "", "a\0b\u202e", "\ufdd0", "🎤" * 300, "%ED%A0%80"])
@pytest.mark.parametrize(
    ("discussion", "stamp", "reason"), [("open", "x", "stale"), ("closed", None, "closed")]
)
def test_what_is_refused_before_it_is_read_is_counted_too(client, talk, body, discussion, stamp, reason):
    filled = form_under(client, talk) | EVE | {"body": body} | ({"stamp": stamp} if stamp else {})
    Talk.update(discussion=discussion).where(Talk.id == talk.id).execute()

    assert client.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE).status_code == 422
    assert Refusal.get().reason == reason
    assert Comment.select().count() == 0


@only_sqlite
def test_a_refused_text_is_shown_on_one_line_without_what_cannot_be_shown(as_carol, client, talk):
    send(client, talk, body="a\0b\r\n\u202ec", stamp="x", **EVE)

    assert Refusal.get().excerpt == "a b c"
    assert "A form too old, or sent by a program" in as_carol.get("/moderate-admin").text
