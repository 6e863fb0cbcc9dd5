"""The list of where one is signed in, and ending what stands there."""

import re
from datetime import timedelta

import pytest
from conftest import signed_in
from hypothesis import given
from hypothesis import strategies as st

import main
from models import AuditEvent, Session, utcnow
from talks.accounts import api_token, user_of_api_token
from talks.sessions import browser_name
from talks.tokens import TokenError

SESSIONS = "/auth/sessions"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:149.0) Gecko/20100101 Firefox/149.0"


@pytest.fixture
def as_bob(database, bob):
    """Bob's browser here."""
    browser = main.app.test_client()
    browser.sign_in(bob)
    return browser


@pytest.fixture
def elsewhere(as_bob, bob):
    """Bob's Firefox in another network."""
    client = main.app.test_client()
    client.environ_base |= {"HTTP_USER_AGENT": FIREFOX, "REMOTE_ADDR": "198.51.100.7"}
    client.sign_in(bob, remember_me="y")
    return client


def lines(client):
    """The text of each line of the list."""
    found = re.findall(
        r"(?s)<li>(.*?)</li>", client.get(SESSIONS).text.partition('class="lines')[2].partition("</main>")[0]
    )
    return [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in found]


def row_of(client):
    return next(row for row in Session.select() if row.browser == client.environ_base["HTTP_USER_AGENT"])


def test_the_list_says_where_one_is_signed_in(as_bob, elsewhere):
    firefox, own = lines(as_bob)

    assert firefox.startswith("Firefox on Linux signed in")
    assert "kept signed in" in firefox and "from the network you are in now" not in firefox
    assert own.startswith("A browser this browser signed in")
    assert "until the browser is closed" in own and "from the network you are in now" in own


def test_the_list_shows_neither_others_nor_what_has_ended(as_bob, as_carol, elsewhere, bob):
    Session.update(expires_at=utcnow() - timedelta(1)).where(Session.id == row_of(elsewhere).id).execute()

    assert len(lines(as_bob)) == len(lines(as_carol)) == 1


def test_one_is_ended(as_bob, elsewhere):
    answer = as_bob.submit(f"{SESSIONS}/{row_of(elsewhere).id}/end", page=SESSIONS)

    assert answer.location == SESSIONS
    assert "That browser is signed out." in as_bob.get(SESSIONS).text
    assert signed_in(as_bob) and not signed_in(elsewhere)
    assert elsewhere.get_cookie("talks_remember") is None
    assert AuditEvent.select().where(AuditEvent.action == "session.end").count() == 1


def test_ending_ones_own_is_signing_out(as_bob):
    answer = as_bob.submit(f"{SESSIONS}/{Session.get().id}/end", page=SESSIONS)

    assert answer.location == "/"
    assert not signed_in(as_bob)
    assert Session.select().count() == 0


def test_nobody_ends_anothers(as_carol, as_bob, bob):
    answer = as_carol.submit(f"{SESSIONS}/{Session.get(Session.user == bob).id}/end", page=SESSIONS)

    assert answer.location == SESSIONS
    assert "Nothing changed: that browser is not signed in to your account." in as_carol.get(SESSIONS).text
    assert signed_in(as_bob)


def test_all_others_are_ended_at_once_and_tokens_with_them(as_bob, elsewhere, as_carol, bob):
    token = api_token(main.app.secret_key, bob)

    answer = as_bob.submit(f"{SESSIONS}/end", page=SESSIONS)

    assert answer.location == SESSIONS
    assert "You are signed out everywhere but here." in as_bob.get(SESSIONS).text
    assert signed_in(as_bob) and signed_in(as_carol) and not signed_in(elsewhere)
    with pytest.raises(TokenError):
        user_of_api_token(main.app.secret_key, token)


def test_who_is_alone_has_no_others_to_end(as_bob, bob):
    assert "everywhere else" not in as_bob.get(SESSIONS).text


def test_the_list_holds_no_token(as_bob, elsewhere):
    page = as_bob.get(SESSIONS).text

    for row in Session.select():
        assert row.token_digest not in page and (row.remember_digest or "?" * 9) not in page
        assert row.network not in page


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0"
         " Safari/537.36 Edg/149.0.0.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
         " Version/26.0 Safari/605.1.15", "Safari on macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
         " CriOS/149.0.0.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        ("Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0"
         " Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0"
         " Safari/537.36 OPR/130.0.0.0", "Opera on Linux"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/149.0.0.0"
         " Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Ubuntu Chromium/149.0.0.0"
         " Chrome/149.0.0.0 Safari/537.36", "Chromium on Linux"),
        ("Werkzeug/3.1.9", "A browser"),
        ("", "A browser"),
    ],
)  # fmt: skip
def test_a_browser_is_called(said, name):
    assert browser_name(said) == name


@given(st.text())
def test_every_browser_is_called_something(said):
    assert browser_name(said)


@pytest.mark.parametrize("said", ["<script>alert(1)</script> Firefox/1", "x" * 5000, "\xff\xfe", ""])
def test_a_browser_may_say_anything(as_bob, bob, said):
    client = main.app.test_client()
    client.environ_base["HTTP_USER_AGENT"] = said

    assert client.sign_in(bob).status_code == 303
    assert len(lines(as_bob)) == 2
    assert "<script>alert" not in as_bob.get(SESSIONS).text
