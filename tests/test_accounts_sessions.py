"""Being signed in: cookies, rows, and how it ends."""

import hashlib
import re
from datetime import timedelta

import pytest
from conftest import PASSWORD, only_sqlite, signed_in

import main
from models import AuditEvent, Session, User, utcnow

LOGIN, LOGOUT, KEPT = "/auth/login", "/auth/logout", "talks_remember"
READING_PAGES = [
    "/", "/events", "/tags", "/speakers", "/about", "/help", "/user/ada", "/talk/1", "/event/meeting",
    "/tag/python", "/nowhere",
]  # fmt: skip


def set_cookie(answer, name="talks"):
    return next(line for line in answer.headers.getlist("Set-Cookie") if line.startswith(f"{name}="))


def reopened(browser):
    """The browser after it was closed: it kept what it was told to keep."""
    again = main.app.test_client()
    for name in ("talks", KEPT):
        cookie = browser.get_cookie(name)
        if cookie and cookie.expires:
            again.set_cookie(name, cookie.value)
    return again


@pytest.fixture
def as_kept_bob(client, bob):
    client.sign_in(bob, remember_me="y")
    return client


def test_who_asks_to_be_kept_is_remembered_for_thirty_days(client, bob):
    answer = client.sign_in(bob, remember_me="y")

    row = Session.get()
    assert row.remembered
    assert abs(row.expires_at - row.created_at - timedelta(days=30)) < timedelta(minutes=1)
    assert abs(client.get_cookie(KEPT).expires - row.expires_at) < timedelta(minutes=1)
    assert "Expires=" not in set_cookie(answer)
    assert signed_in(reopened(client))


def test_who_does_not_ask_is_signed_out_with_the_browser(client, bob):
    answer = client.sign_in(bob)

    row = Session.get()
    assert not row.remembered
    assert row.expires_at - row.created_at < timedelta(days=1)
    assert "Expires=" not in set_cookie(answer)
    assert "Max-Age=" not in set_cookie(answer)
    assert client.get_cookie(KEPT) is None
    assert not signed_in(reopened(client))


def test_what_remembers_is_a_token_of_its_own(as_kept_bob):
    row, lasting = Session.get(), as_kept_bob.get_cookie(KEPT).value

    assert Session.user_of(lasting) is None
    with as_kept_bob.session_transaction() as kept:
        token = kept["_user_id"]
    assert lasting != token
    assert row.remember_digest == hashlib.sha256(lasting.encode()).hexdigest()
    assert row.token_digest == hashlib.sha256(token.encode()).hexdigest()


def test_a_remembered_browser_begins_its_session_anew(as_kept_bob):
    again = reopened(as_kept_bob)

    assert signed_in(again)

    assert Session.select().count() == 1
    assert not signed_in_by_session(as_kept_bob)  # its old token is void
    again.delete_cookie(KEPT)
    assert signed_in(again)


def signed_in_by_session(browser):
    browser.delete_cookie(KEPT)
    return signed_in(browser)


def test_pages_that_a_remembered_browser_opens_at_once_all_know_it(as_kept_bob):
    first, second = reopened(as_kept_bob), reopened(as_kept_bob)

    assert signed_in(first)
    assert signed_in(second)
    assert signed_in(first)


def test_the_token_that_remembers_is_another_after_each_use(as_kept_bob):
    again = reopened(as_kept_bob)
    before = again.get_cookie(KEPT).value

    assert signed_in(again)

    assert again.get_cookie(KEPT).value != before
    Session.update(seen_at=utcnow() - Session.AT_ONCE).execute()
    assert not signed_in(reopened(as_kept_bob))  # which has the token of before
    assert signed_in(reopened(again))


def test_requests_that_bring_the_same_token_leave_the_cookie_to_the_first(as_kept_bob):
    first, second = reopened(as_kept_bob), reopened(as_kept_bob)
    first.get("/")

    answer = second.get("/")

    assert not any(KEPT in line for line in answer.headers.getlist("Set-Cookie"))
    first.set_cookie("talks", second.get_cookie("talks").value)  # the second answer came last
    assert signed_in(first)
    assert Session.select().count() == 1


def test_of_requests_that_resume_at_once_one_gets_tokens(as_kept_bob):
    lasting = as_kept_bob.get_cookie(KEPT).value
    rows = [Session.remembered_by(lasting) for _ in range(3)]

    assert [bool(row.resume("browser", "network")) for row in rows] == [True, False, False]


def test_where_all_is_for_members_none_of_them_is_asked_to_sign_in(as_kept_bob, monkeypatch):
    monkeypatch.setitem(main.app.config, "ACCESS", "members")
    tabs = [reopened(as_kept_bob) for _ in range(3)]

    assert [tab.get("/").status_code for tab in tabs] == [200] * 3


def test_a_visit_an_hour_later_brings_no_token_of_before_back(as_kept_bob):
    again = reopened(as_kept_bob)
    again.get("/")
    Session.update(seen_at=utcnow() - timedelta(hours=2)).execute()

    again.get("/")

    assert not signed_in(reopened(as_kept_bob))


def test_coming_back_is_noted_with_where_it_was(as_kept_bob, bob):
    Session.update(browser="before", network="before").execute()

    reopened(as_kept_bob).get("/", headers={"User-Agent": "Firefox/140.0 (X11; Linux)"})

    noted = AuditEvent.select().where(AuditEvent.action == "session.resume").get()
    row = Session.get()
    assert (noted.actor, noted.network) == (bob, row.network)
    assert row.browser == "Firefox/140.0 (X11; Linux)"


def copied(browser):
    """Another browser with copies of all cookies, and a third that only has the one that remembers."""
    whole, kept = main.app.test_client(), main.app.test_client()
    whole.set_cookie("talks", browser.get_cookie("talks").value)
    kept.set_cookie(KEPT, browser.get_cookie(KEPT).value)
    return whole, kept


def end_others(browser):
    return browser.submit("/auth/sessions/end", page="/auth/sessions")


def another_password(browser):
    new = "another good password"
    return browser.submit("/auth/password", old_password=PASSWORD, password=new, password2=new)


@pytest.mark.parametrize("end", [end_others, another_password])
def test_copies_of_cookies_end_with_all_other_sessions(as_kept_bob, end):
    copies = copied(as_kept_bob)

    assert end(as_kept_bob).status_code == 303

    assert not any(signed_in(copy) for copy in copies)
    assert signed_in(as_kept_bob)
    assert signed_in(reopened(as_kept_bob))


def test_a_session_that_is_not_kept_goes_on_alone_without_being_kept(as_bob):
    end_others(as_bob)

    assert signed_in(as_bob)
    assert as_bob.get_cookie(KEPT) is None
    assert Session.get().remember_digest is None


def test_being_remembered_is_extended_by_coming_back(as_kept_bob):
    Session.update(expires_at=utcnow() + timedelta(days=2)).execute()
    again = reopened(as_kept_bob)

    again.get("/")

    assert Session.get().expires_at > utcnow() + timedelta(days=29)
    assert again.get_cookie(KEPT).expires > utcnow() + timedelta(days=29)


@pytest.mark.parametrize("end", ["signed out", "ended", "epoch", "blocked", "too old"])
def test_who_is_signed_out_is_not_remembered(as_kept_bob, bob, end):
    again = reopened(as_kept_bob)
    if end == "signed out":
        as_kept_bob.submit(LOGOUT)
        assert as_kept_bob.get_cookie(KEPT) is None
    elif end == "ended":
        Session.delete().execute()
    elif end == "epoch":
        User.update(session_epoch=User.session_epoch + 1).execute()
    elif end == "blocked":
        User.update(is_active=False).execute()
    else:
        Session.update(expires_at=utcnow()).execute()

    assert not signed_in(again)
    assert again.get_cookie(KEPT) is None


@pytest.mark.parametrize("value", ["", "x", "x" * 4000, "\U0001f600", "%00"])
def test_a_token_that_remembers_nobody_is_taken_away(client, bob, value):
    client.set_cookie(KEPT, value)

    assert client.get("/").status_code == 200
    assert not client.get_cookie(KEPT) or value == ""
    assert not signed_in(client)


def test_what_remembers_says_nothing_to_the_api(as_kept_bob):
    again = reopened(as_kept_bob)

    assert again.get("/api/1.0/comments/?approved=false").status_code == 401
    assert again.get_cookie("talks") is None


def test_signing_in_without_being_kept_takes_the_old_token_away(as_kept_bob, bob):
    Session.delete().execute()

    as_kept_bob.sign_in(bob)

    assert as_kept_bob.get_cookie(KEPT) is None


@pytest.mark.parametrize("name", ["talks", KEPT])
def test_the_cookies_are_kept_from_scripts_and_from_other_sites(client, bob, name):
    cookie = set_cookie(client.sign_in(bob, remember_me="y"), name)

    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert "Secure" not in cookie  # as there is no TLS here


@pytest.mark.parametrize("name", ["talks", KEPT])
def test_the_cookies_are_secure_when_the_request_was(client, bob, name):
    page = client.get(LOGIN, base_url="https://localhost")
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)[1]
    data = {"email": bob.email, "password": PASSWORD, "csrf_token": token, "remember_me": "y"}

    client.post(LOGIN, base_url="https://localhost", data=data)

    assert client.get_cookie(name).secure


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
