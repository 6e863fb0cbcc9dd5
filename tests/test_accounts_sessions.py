"""Being signed in: cookies, rows, and how it ends."""

import hashlib
import re
from datetime import timedelta

import pytest
from conftest import PASSWORD, only_sqlite

import main
from models import Session, User, utcnow

LOGIN, LOGOUT = "/auth/login", "/auth/logout"
READING_PAGES = [
    "/", "/events", "/tags", "/speakers", "/about", "/help", "/user/ada", "/talk/1", "/event/meeting",
    "/tag/python", "/nowhere",
]  # fmt: skip


def signed_in(browser):
    return browser.get("/profile").status_code == 200


def set_cookie(answer):
    return next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith("talks="))


def test_who_asks_to_be_kept_is_remembered_for_thirty_days(client, bob):
    answer = client.sign_in(bob, remember_me="y")

    row = Session.get()
    assert row.remembered
    assert abs(row.expires_at - row.created_at - timedelta(days=30)) < timedelta(minutes=1)
    assert "Expires=" in set_cookie(answer)
    kept_until = client.get_cookie("talks").expires
    assert abs(kept_until - row.expires_at) < timedelta(minutes=1)


def test_who_does_not_ask_is_signed_out_with_the_browser(client, bob):
    answer = client.sign_in(bob)

    row = Session.get()
    assert not row.remembered
    assert row.expires_at - row.created_at < timedelta(days=1)
    assert "Expires=" not in set_cookie(answer)
    assert "Max-Age=" not in set_cookie(answer)


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(client, bob):
    cookie = set_cookie(client.sign_in(bob))

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


def test_the_cookie_is_secure_when_the_request_was(client, bob):
    client.get(LOGIN, base_url="https://localhost")
    assert client.get_cookie("talks").secure


def test_the_cookie_works_without_tls_where_there_is_none(client, bob):
    assert "Secure" not in set_cookie(client.sign_in(bob))


def test_signing_in_over_tls_needs_no_referrer(client, bob):
    page = client.get(LOGIN, base_url="https://localhost")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]

    answer = client.post(
        LOGIN, base_url="https://localhost",
        data={"email": bob.email, "password": PASSWORD, "csrf_token": token},
    )  # fmt: skip

    assert answer.status_code == 303


def test_the_database_holds_only_a_digest_of_what_the_cookie_holds(as_bob):
    digest = Session.get().token_digest

    with as_bob.session_transaction() as kept:
        token = kept["_user_id"]
    assert len(token) >= 43
    assert digest == hashlib.sha256(token.encode()).hexdigest()


def test_signing_in_keeps_nothing_of_the_session_before_it(client, bob):
    with client.session_transaction() as before:
        before["planted"] = "by somebody else"
        before["csrf_token"] = "0" * 40
    client.sign_in(bob)

    with client.session_transaction() as after:
        assert "planted" not in after
        assert after.get("csrf_token") != "0" * 40


def test_each_browser_has_a_session_of_its_own(as_bob, bob):
    other = main.app.test_client()
    other.sign_in(bob)

    other.submit(LOGOUT)

    assert not signed_in(other)
    assert signed_in(as_bob)


def test_a_link_to_sign_out_shows_a_button_and_changes_nothing(as_bob):
    page = as_bob.get(LOGOUT)

    assert page.status_code == 200
    assert re.search(r'<form[^>]*action="/auth/logout"', page.text)
    assert signed_in(as_bob)
    assert Session.select().count() == 1


def test_signing_out_ends_the_session(as_bob):
    answer = as_bob.submit(LOGOUT)

    assert (answer.status_code, answer.location) == (303, "/")
    assert "Signed out." in as_bob.get("/").text
    assert not signed_in(as_bob)
    assert Session.select().count() == 0


def test_a_copied_cookie_is_worth_nothing_after_signing_out(as_bob):
    thief = main.app.test_client()
    thief.set_cookie("talks", as_bob.get_cookie("talks").value)
    assert signed_in(thief)

    as_bob.submit(LOGOUT)

    assert not signed_in(thief)


def test_signing_out_without_a_token_changes_nothing(as_bob):
    assert as_bob.post(LOGOUT).status_code == 400
    assert signed_in(as_bob)


def test_signing_out_with_the_token_of_another_browser_changes_nothing(as_bob):
    foreign = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', main.app.test_client().get(LOGIN).text)[1]

    assert as_bob.post(LOGOUT, data={"csrf_token": foreign}).status_code == 400
    assert signed_in(as_bob)


def test_signing_out_twice_is_harmless(client, as_bob):
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', as_bob.get(LOGOUT).text)[1]
    Session.delete().execute()

    assert as_bob.post(LOGOUT, data={"csrf_token": token}).status_code == 303


def test_a_visitor_who_signs_out_is_asked_to_sign_in(client):
    assert client.get(LOGOUT).location == f"{LOGIN}?next=/auth/logout"


def test_a_session_that_was_ended_here_is_out(as_bob):
    Session.delete().execute()

    assert not signed_in(as_bob)
    assert as_bob.get("/").status_code == 200


def test_raising_the_epoch_ends_all_sessions_of_a_user_and_no_other(as_bob, as_carol, bob):
    User.update(session_epoch=User.session_epoch + 1).where(User.id == bob).execute()

    assert not signed_in(as_bob)
    assert signed_in(as_carol)


def test_who_is_blocked_is_out(as_bob, bob):
    User.update(is_active=False).where(User.id == bob).execute()

    assert not signed_in(as_bob)


def test_who_is_deleted_is_out(as_bob, bob):
    bob.delete_instance()

    assert not signed_in(as_bob)


def test_a_session_that_expired_is_out(as_bob):
    Session.update(expires_at=utcnow() - timedelta(seconds=1)).execute()

    assert not signed_in(as_bob)


@pytest.mark.parametrize(("remembered", "lasts"), [(False, Session.IDLE), (True, Session.REMEMBERED)])
def test_a_visit_extends_the_session(as_bob, remembered, lasts):
    earlier = utcnow() - timedelta(hours=2)
    Session.update(seen_at=earlier, expires_at=earlier + lasts, remembered=remembered).execute()

    as_bob.get("/")

    row = Session.get()
    assert utcnow() - row.seen_at < timedelta(minutes=1)
    assert abs(row.expires_at - utcnow() - lasts) < timedelta(minutes=1)


def test_visits_write_at_most_once_an_hour(as_bob, writes):
    Session.update(seen_at=utcnow() - timedelta(hours=2)).execute()
    writes.clear()

    for _ in range(4):
        as_bob.get("/")

    assert len(writes) == 1


@only_sqlite
@pytest.mark.parametrize("address", READING_PAGES)
def test_a_visitor_who_reads_gets_no_cookie(client, address):
    assert "Set-Cookie" not in client.get(address).headers


@only_sqlite
@pytest.mark.parametrize(
    "cookie", ["", "x", "x" * 4000, "eyJfdXNlcl9pZCI6IjEifQ.aaaa.bbbb", "\U0001f600", "%00"]
)
def test_a_cookie_we_did_not_sign_is_a_visitors(client, bob, cookie):
    client.set_cookie("talks", cookie)

    assert client.get("/").status_code == 200
    assert not signed_in(client)


@pytest.mark.parametrize("token", ["", "1", None, "\0", "x" * 2000, "\U0001f600"])
def test_a_session_that_names_no_row_is_a_visitors(client, bob, token):
    with client.session_transaction() as kept:
        kept["_user_id"] = token

    assert client.get("/").status_code == 200
    assert not signed_in(client)


def test_a_page_of_someone_signed_in_says_that_it_depends_on_the_cookie(as_bob):
    assert "Cookie" in as_bob.get("/").headers["Vary"]
