"""A lost password, and another password."""

import re
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from conftest import PASSWORD, signed_in
from joining import browser, later
from posted import counted
from recovering import BOB, EMAIL, LOGIN, NEW, PASSWORD_PAGE, RESET, TWICE, has_password, reloaded

import main
from models import AuditEvent, LoginAttempt, OutboxMail, Session, User, utcnow
from talks import accounts, recovery, registration, waits
from talks.accounts import api_token, user_of_api_token
from talks.tokens import TokenError


@pytest.fixture
def link(client, bob, post):
    """The path of a link that sets Bob's password."""
    client.submit(RESET, email=BOB)
    return post.link(BOB)


# Lost.


def test_it_works(client, bob, post):
    assert RESET in client.get(LOGIN).text

    answer = client.submit(RESET, email="Bob@Example.org")
    assert answer.location == f"{RESET}?sent=1"
    assert "If that is the address of an account" in client.get(answer.location).text

    subject, text = post.to(BOB)
    assert subject == "A new password"
    assert "for an hour" in text
    client.submit(RESET, email=BOB)
    answer = client.submit(post.link(BOB), **TWICE)
    assert answer.location == LOGIN
    assert "Your password is set. Sign in with it." in client.get(LOGIN).text

    assert has_password(bob, NEW) and not has_password(bob, PASSWORD)
    assert post.to(BOB)[0] == "Your password was changed"
    actions = [row.action for row in AuditEvent.select().order_by(AuditEvent.id)][:3]
    assert actions == ["user.ask_reset", "user.ask_reset", "user.password"]


def test_reading_the_link_changes_nothing(link, bob):
    page = browser().get(link)

    assert page.status_code == 200
    assert "Set a new password" in page.text and ">bob<" in page.text
    assert has_password(bob, PASSWORD)


def dead(link):
    answers = [browser().get(link), browser().submit(link, page=LOGIN, **TWICE)]
    assert [answer.status_code for answer in answers] == [410, 410]
    return True


def test_a_link_dies_with_its_use(link, bob):
    browser().submit(link, **TWICE)

    assert dead(link)
    assert has_password(bob, NEW)


def test_a_link_dies_with_a_newer_one(link, client, bob, post):
    client.submit(RESET, email=BOB)

    assert dead(link)
    assert browser().get(post.link(BOB)).status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(3540, 200), (3660, 410)])
def test_a_link_dies_after_an_hour(link, monkeypatch, seconds, status):
    later(seconds, monkeypatch)

    assert browser().get(link).status_code == status


def test_a_link_dies_when_the_password_changes(link, as_bob):
    as_bob.submit(PASSWORD_PAGE, old_password=PASSWORD, **TWICE)

    assert dead(link)


def test_a_link_dies_when_the_row_gets_another_password(link, bob):
    now = reloaded(bob)
    now.set_password(NEW)
    now.save()

    assert dead(link)


def test_a_link_dies_when_the_address_changes(link, as_bob, post):
    as_bob.submit(EMAIL, email="robert@example.org", password=PASSWORD)
    as_bob.submit(post.link("robert@example.org"))

    assert dead(link)


def test_a_link_dies_when_the_account_is_blocked(link, bob):
    User.update(is_active=False).execute()

    assert dead(link)


def test_a_link_that_is_asked_for_in_vain_kills_no_other(client, bob, post):
    for _ in range(recovery.PER_ADDRESS):
        client.submit(RESET, email=BOB)
    link = post.link(BOB)

    client.submit(RESET, email=BOB)

    assert browser().get(link).status_code == 200


def test_of_two_who_use_a_link_at_once_one_succeeds(link, bob):
    token = link.rpartition("/")[2]
    first, second = (recovery.user_of_link(main.app.secret_key, token) for _ in range(2))

    with main.app.app_context():
        assert recovery.set_password(first, NEW)
        assert not recovery.set_password(second, "a third good password")

    assert has_password(bob, NEW)


@pytest.mark.parametrize("token", ["x", "a.b.c", "%00", "\U0001f600", "x" * 3000])
def test_a_made_up_link_is_none(client, token):
    answer = client.get(f"{RESET}/{token}")

    assert answer.status_code == 404
    assert "Your password is what it was." in answer.text


def test_a_link_of_another_kind_is_none(client, bob):
    token = registration.confirm_token(main.app.secret_key, bob.id, BOB)

    assert client.get(f"{RESET}/{token}").status_code == 404


def test_a_link_is_kept_by_no_cache_and_told_to_no_page(link):
    answer = browser().get(link)

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_neither_outbox_nor_audit_trail_holds_a_link_or_a_password(link, client):
    browser().submit(link, **TWICE)

    token = link.rpartition("/")[2]
    for row in [*OutboxMail.select().dicts(), *AuditEvent.select().dicts()]:
        assert token[:20] not in str(row) and NEW not in str(row)


def test_a_link_signs_out_everywhere(link, as_bob, as_carol, bob):
    token = api_token(main.app.secret_key, bob)

    browser().submit(link, **TWICE)

    assert not signed_in(as_bob) and signed_in(as_carol)
    with pytest.raises(TokenError):
        user_of_api_token(main.app.secret_key, token)


def test_a_link_ends_the_wait_of_its_owner(link, client, bob):
    for _ in range(LoginAttempt.PER_ACCOUNT):
        client.sign_in(bob, password="wrong")
    assert client.sign_in(bob).status_code == 429

    client.submit(link, **TWICE)

    assert client.sign_in(bob, password=NEW).status_code == 303


def test_a_link_confirms_an_address_that_had_to_be_confirmed_again(link, bob):
    User.update(confirmed_at=None).execute()

    browser().submit(link, **TWICE)

    assert reloaded(bob).confirmed_at


def test_asking_tells_nobody_who_has_an_account(database, client, bob, ada, hasher, post):
    User.update(is_active=False).where(User.id == ada).execute()
    User.create(username="grace", name="Grace")
    addresses = ["nobody@example.org", BOB, "Bob@example.org", ada.email]
    seen = []
    for email in addresses:
        visitor = browser()
        visitor.get(RESET)
        with counted(database) as statements:
            answer = visitor.submit(RESET, email=email)
        seen.append((answer.status_code, answer.location, answer.text, statements))

    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert hasher.work == 0
    assert {mail["To"].addresses[0].addr_spec for mail in post()} == {BOB}
    assert OutboxMail.select().where(OutboxMail.to_email != BOB).count() == 0


def test_an_account_that_waits_for_its_address_has_no_password_to_lose(client, database, post):
    with main.app.app_context():
        registration.register("eve", "eve@example.org", PASSWORD, "here")
    OutboxMail.delete().execute()

    client.submit(RESET, email="eve@example.org")

    assert post() == []


def test_an_address_gets_three_such_mails_a_day(client, bob, post):
    for number in range(5):
        visitor = browser()
        visitor.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
        assert visitor.submit(RESET, email=BOB).status_code == 303
    assert len(post()) == 3

    LoginAttempt.update(at=utcnow() - timedelta(hours=23)).execute()
    client.submit(RESET, email=BOB)
    assert post() == []
    LoginAttempt.update(at=utcnow() - timedelta(hours=24, minutes=1)).execute()
    client.submit(RESET, email=BOB)
    assert len(post()) == 1


def test_one_network_asks_for_so_many_mails_a_day(client, bob, ada, post, monkeypatch):
    monkeypatch.setattr(waits, "MAILS_PER_NETWORK", 2)
    client.submit(RESET, email="nobody@example.org")
    client.submit("/auth/confirm", email="nobody@example.org")

    for address in (RESET, "/auth/confirm"):
        answer = browser().submit(address, email=BOB)
        assert answer.status_code == 429
        assert "asked for from your network today. Try again tomorrow." in answer.text
    other = browser()
    other.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    assert other.submit(RESET, email=BOB).status_code == 303
    assert len(post()) == 1


@pytest.mark.parametrize(
    "email", ["", "bob", "bob@example.org\r\nBcc: all@example.org", "b" * 400 + "@example.org"]
)
def test_what_is_no_address_is_refused(client, bob, email):
    assert client.submit(RESET, email=email).status_code == 422
    assert OutboxMail.select().count() == 0


# Another password.


def test_a_password_is_changed(as_bob, bob, post):
    answer = as_bob.submit(PASSWORD_PAGE, old_password=PASSWORD, **TWICE)

    assert answer.location == "/auth/account"
    assert "You are signed out everywhere but here." in as_bob.get(answer.location).text
    assert has_password(bob, NEW) and not has_password(bob, PASSWORD)
    assert post.to(BOB)[0] == "Your password was changed"


def test_all_other_sessions_and_tokens_end_with_the_password(as_bob, as_carol, bob):
    others = browser(), browser()
    others[0].sign_in(bob)
    others[1].sign_in(bob, remember_me="y")
    token = api_token(main.app.secret_key, bob)

    as_bob.submit(PASSWORD_PAGE, old_password=PASSWORD, **TWICE)

    assert signed_in(as_bob) and signed_in(as_carol)
    assert not any(map(signed_in, others))
    assert Session.select().where(Session.user == bob).count() == 1
    with pytest.raises(TokenError):
        user_of_api_token(main.app.secret_key, token)


REFUSED = [
    ({"old_password": "wrong"}, "That is not your password."),
    ({"old_password": ""}, "Enter your password."),
    ({"password": "short", "password2": "short"}, "Use at least 10 characters."),
    ({"password": "x" * 10_240, "password2": "x" * 10_240}, "Use at most 1,024 characters."),
    ({"password": "\0" * 12, "password2": "\0" * 12}, "cannot be typed"),
    ({"password": "qwertyuiop", "password2": "qwertyuiop"}, "Attackers try this"),
    ({"password": BOB, "password2": BOB}, "Others know this of you."),
    ({"password2": NEW + "x"}, "The two passwords are not the same."),
]


@pytest.mark.parametrize(("values", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_a_password_is_not_changed(as_bob, bob, values, why):
    answer = as_bob.submit(PASSWORD_PAGE, **({"old_password": PASSWORD} | TWICE | values))

    assert answer.status_code == 422
    assert why in answer.text
    assert reloaded(bob).password_hash == bob.password_hash


@pytest.mark.parametrize("address", [PASSWORD_PAGE, EMAIL])
def test_who_found_an_open_browser_cannot_guess_the_password_for_long(as_bob, bob, hasher, address):
    hasher.verified = 0
    for _ in range(LoginAttempt.PER_ACCOUNT):
        as_bob.submit(address, old_password="wrong", email="eve@example.org", **TWICE)

    answer = as_bob.submit(address, old_password=PASSWORD, email="eve@example.org", password=PASSWORD)

    assert answer.status_code in (429, 422)
    assert hasher.verified <= LoginAttempt.PER_ACCOUNT
    assert reloaded(bob).new_email is None


@pytest.mark.parametrize("address", [PASSWORD_PAGE, EMAIL, "/auth/account", "/auth/sessions"])
def test_a_visitor_is_asked_to_sign_in(client, address):
    assert client.get(address).location == f"{LOGIN}?next={address}"


@pytest.mark.parametrize("address", [PASSWORD_PAGE, EMAIL, "/auth/email/keep", "/auth/sessions/end"])
def test_a_form_without_a_token_changes_nothing(as_bob, bob, address):
    values = {"old_password": PASSWORD, "email": "eve@example.org"} | TWICE

    assert as_bob.post(address, data=values).status_code == 400
    assert reloaded(bob).password_hash == bob.password_hash
    assert Session.select().count() == 1


def test_a_hash_that_is_made_anew_ends_no_session(as_bob, bob, client):
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    User.update(password_hash=weak).execute()

    client.sign_in(bob)

    assert reloaded(bob).password_hash != weak
    assert signed_in(as_bob) and signed_in(client)


def test_signing_in_is_the_same_work_whoever_has_the_address(database, client, bob, ada, hasher):
    User.update(is_active=False).where(User.id == ada).execute()
    with main.app.app_context():
        registration.register("eve", "eve@example.org", PASSWORD, "here")
    seen = []
    for email in ("nobody@example.org", BOB, ada.email, "eve@example.org"):
        visitor = browser()
        visitor.get(LOGIN)
        before = hasher.work
        with counted(database) as statements:
            answer = visitor.submit(LOGIN, email=email, password="wrong password")
        said = re.sub(r'value="[^"]*"', "", answer.text)
        seen.append((answer.status_code, said, statements, hasher.work - before))

    assert seen[0] == seen[1] == seen[2] == seen[3]
    assert seen[0][3] == 1
    assert accounts.authenticate(BOB, PASSWORD, "192.0.2.1", "secret") == bob
