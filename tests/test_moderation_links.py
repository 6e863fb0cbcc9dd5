"""Deciding by the link in a mail: what it does, what it does not, and when it dies."""

import pytest
from asked import a_comment, an_open_talk, reloaded
from browsing import Form
from conftest import only_sqlite, person
from itsdangerous import TimestampSigner
from written import rows

import main
from models import TalkSpeaker, User
from talks import comments, moderation, notifications, tokens

WEEK = 7 * 24 * 3600
BUTTONS = {"approve": "approved", "delete": "rejected", "spam": "spam"}


@pytest.fixture
def talk(ada):
    return an_open_talk(ada, discussion="moderated")


@pytest.fixture
def waiting(talk):
    return a_comment(talk, "pending", "Is *this* shown?")


@pytest.fixture
def path(waiting, ada):
    return address(waiting, ada)


def address(comment, user, secret=None):
    return f"/moderate/{notifications.moderate_token(secret or main.app.secret_key, comment.id, user.id)}"


def press(browser, path, act, **headers):
    return browser.post(path, data={"act": act}, headers=headers)


def test_looking_shows_the_comment_and_changes_nothing(client, waiting, path):
    before = rows()
    for method in ("GET", "HEAD", "GET"):
        answer = client.open(path, method=method)
        assert answer.status_code == 200
    assert rows() == before
    assert waiting.body_html in answer.text and "You decide as" in answer.text


@only_sqlite
def test_the_address_is_told_to_nobody_and_no_cookie_is_set(client, path):
    answers = [client.get(path), press(client, path, "approve"), client.get(path), client.get("/moderate/x")]

    assert [answer.status_code for answer in answers] == [200, 303, 410, 404]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("act, status", BUTTONS.items())
def test_the_button_acts_without_signing_in_and_can_be_undone(client, waiting, path, act, status):
    answer = press(client, path, act)
    assert answer.status_code == 303
    assert reloaded(waiting).status == status

    done = client.get(answer.location)
    assert done.status_code == 200 and ">Undo<" in done.text
    back = press(client, answer.location, "undo")
    assert (back.status_code, reloaded(waiting).status) == (303, "pending")
    assert client.get(back.location).status_code == 200


@pytest.mark.parametrize("act, status", BUTTONS.items())
def test_the_button_decides_about_the_text_that_was_shown(client, waiting, path, act, status):
    shown = Form(client.get(path).text, "decide").fields
    comments.edit(waiting, "Buy my watches")

    answer = client.post(path, data=shown | {"act": act})
    assert (answer.status_code, reloaded(waiting).status) == (409, "pending")
    assert "Buy my watches" in answer.text and "nothing was decided" in answer.text
    client.post(path, data=Form(answer.text, "decide").fields | {"act": act})
    assert reloaded(waiting).status == status


@pytest.mark.parametrize("act", BUTTONS)
def test_the_link_dies_when_the_comment_is_decided(client, waiting, path, carol, act):
    moderation.approve(comments.whole(waiting.id), carol)
    before = rows()

    assert client.get(path).status_code == 410
    assert "This was decided before" in press(client, path, act).text
    assert rows() == before


def test_the_link_dies_when_its_author_takes_the_comment_back(client, waiting, path):
    comments.withdraw(waiting)

    assert client.get(path).status_code == press(client, path, "approve").status_code == 410
    assert reloaded(waiting).status == "deleted"


def test_the_link_dies_when_who_was_sent_it_decides_no_more(client, talk, waiting):
    cleo = person("cleo")
    TalkSpeaker.create(talk=talk, user=cleo, position=1)
    path = address(waiting, cleo)
    assert client.get(path).status_code == 200

    TalkSpeaker.delete().where(TalkSpeaker.user == cleo).execute()
    assert client.get(path).status_code == press(client, path, "approve").status_code == 410
    assert reloaded(waiting).status == "pending"


def test_the_link_dies_with_its_account(client, waiting, path, ada):
    User.update(is_active=False).where(User.id == ada.id).execute()

    assert press(client, path, "approve").status_code == 410
    assert reloaded(waiting).status == "pending"


def test_the_link_is_good_for_a_week(client, waiting, ada, monkeypatch):
    now = TimestampSigner("x").get_timestamp()
    paths = {}
    for age in (WEEK - 60, WEEK + 60):
        with monkeypatch.context() as patch:
            patch.setattr(TimestampSigner, "get_timestamp", lambda self, age=age: now - age)
            paths[age] = address(waiting, ada)

    assert client.get(paths[WEEK - 60]).status_code == 200
    assert client.get(paths[WEEK + 60]).status_code == 410
    assert "has expired" in press(client, paths[WEEK + 60], "approve").text
    assert reloaded(waiting).status == "pending"


@only_sqlite
def test_a_bad_link_says_so_and_changes_nothing(client, waiting, path, ada):
    secret = main.app.secret_key
    bad = [
        "/moderate/x", path[:-1], f"{path}x", "/moderate/%ff", address(waiting, ada, "another secret"),
        f"/moderate/{tokens.sign(secret, 'unsubscribe', {'comment': waiting.id, 'user': ada.id})}",
        f"/moderate/{notifications.moderate_token(secret, 9999, ada.id)}",
        f"/moderate/{notifications.moderate_token(secret, waiting.id, 9999)}",
    ]  # fmt: skip
    before = rows()

    for address_ in bad:
        for answer in (client.get(address_), press(client, address_, "approve")):
            assert answer.status_code == 404
            assert "not valid" in answer.text
    assert rows() == before


def test_a_link_is_for_its_comment_only(client, talk, waiting, path):
    other = a_comment(talk, "pending")
    client.post(path, data={"act": "approve", "ids": other.id, "comment": other.id})

    assert (reloaded(waiting).status, reloaded(other).status) == ("approved", "pending")


def test_an_old_undo_does_not_undo_what_was_decided_since(client, waiting, path, carol):
    undo = press(client, path, "approve").location
    moderation.spam(comments.whole(waiting.id), carol)

    assert client.get(undo).status_code == 410
    press(client, undo, "undo")
    assert reloaded(waiting).status == "spam"


@only_sqlite
@pytest.mark.parametrize("act, status", [("", 400), ("eat", 400), ("undo", 400), ("keep", 200)])
def test_an_act_that_does_not_fit_changes_nothing(client, waiting, path, act, status):
    assert press(client, path, act).status_code == status
    assert reloaded(waiting).status == "pending"


@only_sqlite
@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)
def test_a_form_of_another_site_is_refused(client, waiting, path, headers):
    assert press(client, path, "approve", **headers).status_code == 400
    assert reloaded(waiting).status == "pending"


@only_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    ],
)
def test_our_own_form_is_taken(client, waiting, path, headers):
    assert press(client, path, "approve", **headers).status_code == 303


def test_who_is_signed_in_as_somebody_else_decides_in_the_name_of_the_link(as_bob, waiting, path):
    assert press(as_bob, path, "approve").status_code == 303
    assert reloaded(waiting).status == "approved"
