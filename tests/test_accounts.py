"""Signing in: who gets in, where it leads, and how often one may try."""

import re
from datetime import timedelta
from threading import Barrier, Thread
from urllib.parse import urljoin, urlsplit

import pytest
from calling import basic, call
from conftest import PASSWORD, only_sqlite, signed_in
from hypothesis import example, given
from hypothesis import strategies as st
from posted import counted
from werkzeug.security import generate_password_hash

import main
import models
from forms import read_email
from models import LoginAttempt, Session, User, utcnow
from talks import accounts, networks

LOGIN = "/auth/login"
ELSEWHERE = {"REMOTE_ADDR": "198.51.100.7"}


@pytest.fixture
def impatient(hasher, client, bob):
    """A visitor's browser from which Bob's password was mistyped as often as is allowed."""
    for _ in range(LoginAttempt.PER_ACCOUNT):
        client.sign_in(bob, password="wrong")
    hasher.verified = 0
    return client


def submit_from(browser, network, **values):
    """Sign in from another network address."""
    browser.environ_base["REMOTE_ADDR"] = network
    return browser.submit(LOGIN, **values)


def at_once(count, function):
    """Call `function(number)` in `count` threads at the same moment, each with a connection of its own."""
    barrier, results = Barrier(count), [None] * count

    def run(number):
        barrier.wait()
        try:
            with models.database.connection_context():
                results[number] = function(number)
        except Exception as error:  # the test sees it among the results
            results[number] = error

    threads = [Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_it_works(client, bob):
    page = client.get(LOGIN)
    assert page.status_code == 200
    assert 'name="remember_me"' in page.text

    answer = client.sign_in(bob)

    assert (answer.status_code, answer.location) == (303, "/")
    assert signed_in(client)


def test_a_greeting_is_shown_once(client, bob):
    client.sign_in(bob)

    assert "Signed in as Bob." in client.get("/").text
    assert "Signed in as Bob." not in client.get("/").text


@pytest.mark.parametrize("email", ["bob@example.org", "BOB@Example.ORG", "  bob@example.org "])
def test_the_address_counts_in_any_case(client, bob, email):
    assert client.submit(LOGIN, email=email, password=PASSWORD).status_code == 303


def test_a_wrong_password_is_refused_and_the_input_kept(client, bob):
    answer = client.submit(LOGIN, email="Bob@example.org", password="wr<o>ng", remember_me="y")

    assert answer.status_code == 422
    assert "E-mail and password do not belong together." in answer.text
    assert 'value="Bob@example.org"' in answer.text
    assert re.search(r'<input[^>]*checked[^>]*name="remember_me"', answer.text)
    assert "wr&lt;o&gt;ng" not in answer.text
    assert not signed_in(client)


def test_an_unknown_address_is_refused_in_the_same_words(client, bob):
    wrong = client.submit(LOGIN, email="bob@example.org", password="wrong")
    unknown = client.submit(LOGIN, email="eve@example.org", password="wrong")

    def said(page):
        return re.sub(r'value="[^"]*"', "", page.text)

    assert unknown.status_code == 422
    assert said(unknown) == said(wrong)


def test_an_unknown_address_costs_the_same_work_as_a_known_one(hasher, client, bob):
    client.submit(LOGIN, email="bob@example.org", password="wrong")
    assert hasher.verified == 1

    client.submit(LOGIN, email="eve@example.org", password="wrong")
    assert hasher.verified == 2


SPELLINGS = {
    "user@xn--exmple-cua.de": "user@exämple.de",
    "user@EXÄMPLE.de": "user@exämple.de",
    "user@exa\u0308mple.de": "user@exämple.de",
    "ju\u0308rgen@example.org": "jürgen@example.org",
}


@pytest.mark.parametrize(("typed", "stored"), SPELLINGS.items(), ids=ascii)
def test_an_address_signs_in_as_it_is_registered(client, bob, typed, stored):
    User.update(email=read_email(typed)).execute()

    assert User.get().email == stored
    assert client.submit(LOGIN, email=typed, password=PASSWORD).status_code == 303
    assert call("GET", "/token", headers=basic(typed)).status_code == 200


@pytest.mark.parametrize(
    "email", ["bob", "bob@", "@", "bob@ex ample.org", "bob@[::1", "\ufffd@a.b", "b" * 320]
)
def test_an_address_that_is_none_costs_the_same_work(database, hasher, client, bob, email):
    work = []
    for typed in ("eve@example.org", email):
        client.get(LOGIN)
        before = hasher.verified
        with counted(database) as statements:
            answer = client.submit(LOGIN, email=typed, password="wrong")
        work.append((answer.status_code, statements, hasher.verified - before))

    assert work[0] == work[1]
    assert work[0][2] == 1


def test_a_blocked_user_is_refused(client, bob):
    User.update(is_active=False).execute()

    assert client.sign_in(bob).status_code == 422
    assert Session.select().count() == 0


def test_a_profile_nobody_claimed_has_no_password(client, database):
    User.create(username="grace", name="Grace")

    assert client.submit(LOGIN, email="grace", password="None").status_code == 422


@only_sqlite
@pytest.mark.parametrize("missing", ["email", "password"])
def test_an_empty_field_is_named_and_no_attempt_counted(client, bob, missing):
    values = {"email": "bob@example.org", "password": PASSWORD} | {missing: ""}

    answer = client.submit(LOGIN, **values)

    assert answer.status_code == 422
    assert "Enter your" in answer.text
    assert LoginAttempt.select().count() == 0


@pytest.mark.parametrize("email", ["bob\0@example.org", "b" * 400 + "@example.org", "\U0001f600", "%", "'"])
def test_an_odd_address_is_refused(client, bob, email):
    assert client.submit(LOGIN, email=email, password=PASSWORD).status_code == 422


@pytest.mark.parametrize("password", [PASSWORD + "\0", "x" * 30_000, "\U0001f600", f" {PASSWORD}"])
def test_an_odd_password_is_refused(client, bob, password):
    assert client.sign_in(bob, password=password).status_code == 422


def test_a_hash_by_werkzeug_is_replaced_at_sign_in(client, bob):
    User.update(password_hash=generate_password_hash(PASSWORD)).execute()

    assert client.sign_in(bob).status_code == 303

    assert User.get().password_hash.startswith("$argon2id$")
    client.submit("/auth/logout")
    assert client.sign_in(bob).status_code == 303


def test_a_hash_that_nothing_understands_lets_nobody_in(client, bob):
    User.update(password_hash="scrypt:1$salt$00").execute()

    assert client.sign_in(bob).status_code == 422


def test_who_is_signed_in_need_not_sign_in(as_bob):
    answer = as_bob.get(f"{LOGIN}?next=/profile")

    assert (answer.status_code, answer.location) == (303, "/profile")


def test_a_page_for_members_is_reached_through_the_sign_in(client, bob):
    asked = client.get("/profile")
    assert asked.location == f"{LOGIN}?next=/profile"

    answer = client.submit(asked.location, email=bob.email, password=PASSWORD)

    assert answer.location == "/profile"


def test_a_mistyped_password_does_not_lose_the_way(client, bob):
    page = client.submit(f"{LOGIN}?next=/profile", email=bob.email, password="wrong")

    assert page.status_code == 422
    # The form names no address of its own, so it goes to the one that stands above it.
    assert not re.search(r"<form[^>]*action", page.text)


def test_an_action_that_needs_a_sign_in_does_not_become_a_link_to_itself(client, as_ada, ada):
    talk = models.Talk.create(title="A", owner=ada)
    Session.delete().execute()

    answer = as_ada.submit(f"/edit/{talk.id}/publish", page=LOGIN)
    assert answer.status_code == 303
    answer = as_ada.submit(answer.location, email=ada.email, password=PASSWORD)

    assert as_ada.get(answer.location).status_code == 200


OWN = [
    pytest.param("/profile", id="a path"),
    pytest.param("/?page=2", id="with a query"),
    pytest.param("/talk/1#video", id="with a fragment"),
    pytest.param("/user/a:b", id="a colon in the path"),
    pytest.param("/a//b", id="two slashes further on"),
]
FOREIGN = [
    pytest.param("", id="empty"),
    pytest.param("//evil.example", id="another host"),
    pytest.param("///evil.example", id="three slashes"),
    pytest.param("/\\evil.example", id="a backslash, which browsers read as a slash"),
    pytest.param("\\\\evil.example", id="two backslashes"),
    pytest.param("https:evil.example", id="a scheme without slashes"),
    pytest.param("https://evil.example/", id="a whole address"),
    pytest.param("http://localhost/profile", id="a whole address of our own"),
    pytest.param("javascript:alert(1)", id="a script"),
    pytest.param("data:text/html,x", id="data"),
    pytest.param("/\t/evil.example", id="a tab, which browsers drop"),
    pytest.param("/\n/evil.example", id="a newline, which browsers drop"),
    pytest.param("/\r/evil.example", id="a carriage return"),
    pytest.param("\t//evil.example", id="a tab in front"),
    pytest.param(" //evil.example", id="a blank in front"),
    pytest.param("/profile\r\nSet-Cookie: a=b", id="a header of its own"),
    pytest.param("/\0/evil.example", id="NUL"),
    pytest.param("profile", id="a relative path"),
    pytest.param("?page=2", id="only a query"),
    pytest.param("@evil.example", id="somebody at a host"),
    pytest.param("\x00//evil.example", id="NUL in front"),
]


@only_sqlite
@pytest.mark.parametrize("target", OWN)
def test_signing_in_leads_on_within_this_site(client, bob, target):
    client.get(LOGIN)
    with main.app.test_request_context():
        address = main.url_for("accounts.login", next=target)

    assert client.submit(address, email=bob.email, password=PASSWORD).location == target


@only_sqlite
@pytest.mark.parametrize("target", FOREIGN)
def test_signing_in_leads_nowhere_else(as_bob, target):
    answer = as_bob.get(LOGIN, query_string={"next": target})

    assert (answer.status_code, answer.location) == (303, "/")


@only_sqlite
@pytest.mark.parametrize(
    "query", ["next=/%0d%0aX-Evil:1", "next=%2f%2fevil.example", "next=/%5cevil.example"]
)
def test_encoding_a_foreign_address_does_not_help(as_bob, query):
    answer = as_bob.get(f"{LOGIN}?{query}")

    assert answer.location == "/"
    assert "X-Evil" not in answer.headers


def as_a_browser_reads_it(target):
    """The host that a Location leads to, by the URL standard that browsers keep."""
    target = re.sub(r"[\t\n\r]", "", target.strip("".join(map(chr, range(33)))))
    return urlsplit(urljoin("http://talks.example/auth/login", target.replace("\\", "/"))).hostname


@given(st.text(st.sampled_from("/\\:@.?#%\t\n\r\0 0aeh[]\x7f\x85\u2028ü")) | st.text())
@example("/\t\\evil.example")
def test_no_target_leads_to_another_host(target):
    with main.app.test_request_context():
        assert as_a_browser_reads_it(accounts.safe_next(target)) == "talks.example"


def test_the_sixth_attempt_is_refused_with_the_time_to_wait(impatient, bob):
    answer = impatient.sign_in(bob, password="wrong")

    assert answer.status_code == 429
    assert 50 < int(answer.headers["Retry-After"]) <= 60
    assert "Too many attempts. Wait 1 minute, then try again." in answer.text
    assert f'value="{bob.email}"' in answer.text


def test_too_many_attempts_are_refused_before_hashing(impatient, hasher, bob):
    impatient.sign_in(bob)

    assert hasher.verified == 0
    assert not signed_in(impatient)


def test_another_spelling_of_the_address_is_no_other_account(impatient, bob):
    assert impatient.submit(LOGIN, email="BOB@example.org", password=PASSWORD).status_code == 429


def test_a_minute_later_the_password_works(impatient, bob):
    LoginAttempt.update(at=utcnow() - LoginAttempt.FIRST).execute()

    assert impatient.sign_in(bob).status_code == 303


WAITS = {4: 0, 5: 1, 6: 2, 7: 4, 8: 8, 10: 32, 11: 60, 12: 60, 500: 60}  # failures: minutes


@pytest.mark.parametrize(("failures", "minutes"), WAITS.items())
def test_each_failure_doubles_the_wait_up_to_an_hour(database, failures, minutes):
    LoginAttempt.insert_many([{"account": "bob", "network": "here"}] * failures).execute()

    attempt, wait = LoginAttempt.reserve("bob", "here", is_known=lambda: True)

    assert bool(attempt) == (minutes == 0)
    assert attempt or timedelta(0) < timedelta(minutes=minutes) - wait < timedelta(seconds=30)


def test_who_has_to_wait_is_not_made_to_wait_longer_by_trying(impatient, bob):
    for _ in range(3):
        assert impatient.sign_in(bob).status_code == 429

    assert LoginAttempt.select().count() == LoginAttempt.PER_ACCOUNT


def test_failures_of_yesterday_are_no_reason_to_wait(impatient, bob):
    LoginAttempt.update(at=utcnow() - timedelta(hours=25)).execute()

    assert LoginAttempt.reserve("bob", "here")[0]
    assert LoginAttempt.select().count() == 1


def test_nobody_is_locked_out_from_another_network(impatient, bob):
    answer = submit_from(main.app.test_client(), "198.51.100.7", email=bob.email, password=PASSWORD)

    assert answer.status_code == 303


def test_another_account_of_the_same_network_is_not_locked_out(impatient, ada):
    assert impatient.sign_in(ada).status_code == 303


def test_success_forgives_the_failures_before_it(hasher, client, bob):
    for _ in range(LoginAttempt.PER_ACCOUNT - 1):
        client.sign_in(bob, password="wrong")
    client.sign_in(bob)
    client.submit("/auth/logout", page="/auth/logout")

    assert client.sign_in(bob, password="wrong").status_code == 422
    assert LoginAttempt.select().count() == 1


def test_one_network_may_not_try_every_account(hasher, client, bob):
    for number in range(LoginAttempt.PER_NETWORK):
        answer = client.submit(LOGIN, email=f"user{number}@example.org", password="wrong")
        assert answer.status_code == 422

    assert client.sign_in(bob).status_code == 429
    assert submit_from(main.app.test_client(), "198.51.100.7", email=bob.email, password=PASSWORD).location


def test_who_was_let_in_before_is_not_kept_out_by_others_in_the_same_network(client, bob, ada):
    client.sign_in(bob)
    client.submit("/auth/logout")
    here = networks.keyed(main.app.secret_key, "127.0.0.1")
    many = LoginAttempt.PER_NETWORK
    LoginAttempt.insert_many([{"account": str(n), "network": here} for n in range(many)]).execute()

    assert client.sign_in(bob).status_code == 303
    assert client.submit("/auth/reauthenticate", password=PASSWORD).status_code == 303
    assert main.app.test_client().sign_in(ada).status_code == 429


def test_signing_in_to_an_own_account_does_not_forgive_guesses_at_others(hasher, client, bob, ada):
    client.sign_in(ada, password="wrong")
    client.sign_in(bob)

    assert LoginAttempt.select().count() == 1


def test_attempts_at_the_same_time_are_all_counted(hasher, bob):
    def attempt(number):
        try:
            return accounts.authenticate(bob.email, "wrong", "192.0.2.1", "secret")
        except accounts.TooManyAttempts:
            return "too many"

    results = at_once(12, attempt)

    assert hasher.verified == LoginAttempt.PER_ACCOUNT
    assert sorted(map(str, results)) == ["None"] * 5 + ["too many"] * 7


def test_the_table_of_attempts_names_nobody(client, bob):
    client.sign_in(bob, password="wrong")

    row = LoginAttempt.get()
    assert re.fullmatch("[0-9a-f]{64}", row.account)
    assert re.fullmatch("[0-9a-f]{64}", row.network)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("192.0.2.1", "192.0.2.1", id="IPv4"),
        pytest.param("2001:db8::1", "2001:db8::/64", id="IPv6: what one household has"),
        pytest.param("2001:db8::ffff:1", "2001:db8::/64", id="its neighbour in the same household"),
        pytest.param("::ffff:192.0.2.1", "192.0.2.1", id="IPv4 as a server on IPv6 sees it"),
        pytest.param("fe80::1%eth0", "fe80::/64", id="with a zone"),
        pytest.param("", "unknown", id="none, as on a Unix socket"),
        pytest.param(None, "unknown", id="not said"),
        pytest.param("localhost", "unknown", id="a name"),
    ],
)
def test_a_network_is(address, expected):
    assert accounts.network(address) == expected


def test_a_form_without_token_signs_nobody_in(client, bob):
    answer = client.post(LOGIN, data={"email": bob.email, "password": PASSWORD})

    assert answer.status_code == 400
    assert "That form belongs to another sign-in" in answer.text
    assert Session.select().count() == LoginAttempt.select().count() == 0


def test_a_form_with_the_token_of_another_browser_signs_nobody_in(client, bob):
    foreign = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', main.app.test_client().get(LOGIN).text)[1]
    client.get(LOGIN)

    answer = client.post(LOGIN, data={"email": bob.email, "password": PASSWORD, "csrf_token": foreign})

    assert answer.status_code == 400
    assert Session.select().count() == 0
