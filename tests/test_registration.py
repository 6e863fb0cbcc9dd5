"""Registering and confirming: who gets an account, and that nobody learns who has one."""

import re
from datetime import timedelta

import pytest
from conftest import PASSWORD, TOKEN
from itsdangerous import TimestampSigner
from posted import counted

import main
from models import Alias, AuditEvent, LoginAttempt, OutboxMail, Session, User, utcnow
from talks import registration, signals

REGISTER, WAITING, LOGIN = "/auth/register", "/auth/confirm", "/auth/login"
EVE = {"username": "eve", "email": "eve@example.org", "password": PASSWORD, "password2": PASSWORD}


def browser():
    return main.app.test_client()


def registered(client=None, **values):
    """A browser in which somebody registered."""
    client = client or browser()
    answer = client.submit(REGISTER, **(EVE | values))
    assert (answer.status_code, answer.location) == (303, WAITING), answer.text
    return client


def eve():
    return User.get(User.username == "eve")


def may_write(client):
    return client.submit("/profile", name="Eve").status_code == 303


def test_it_works(client, post):
    assert "Make an account" in client.get(LOGIN).text.replace("Make one", "Make an account")

    registered(client)
    assert "eve@example.org" in client.get(WAITING).text

    link = post.link("eve@example.org")
    assert client.submit(link).location == "/"

    user = eve()
    assert (user.email, user.new_email, user.name) == ("eve@example.org", None, "eve")
    assert user.confirmed_at
    assert may_write(client)
    assert browser().sign_in(user).status_code == 303


def test_before_it_is_confirmed_an_account_reads_and_does_not_write(client, post):
    registered(client)

    assert client.get("/").status_code == client.get("/profile").status_code == 200
    assert "write once your address is confirmed" in client.get("/").text
    answer = client.submit("/profile", name="Eve")
    assert answer.status_code == 403
    assert "Confirm your e-mail address first" in answer.text
    assert eve().name == "eve"


def test_the_page_of_an_account_that_waits_is_for_nobody_else(client, as_bob, as_carol):
    registered(client)

    assert client.get("/user/eve").status_code == as_carol.get("/user/eve").status_code == 200
    assert as_bob.get("/user/eve").status_code == browser().get("/user/eve").status_code == 404


def test_an_account_that_waits_may_change_its_address_and_leave(client, post):
    registered(client)

    assert client.submit("/auth/email", email="eva@example.org", password=PASSWORD).location == WAITING
    assert client.submit(post.link("eva@example.org")).location == "/"
    assert eve().email == "eva@example.org"
    assert client.submit("/auth/logout").location == "/"


def test_the_signal_says_who_and_brings_the_link(client, database):
    heard = []

    def hear(user, confirm_token):
        heard.append((user, confirm_token))

    with signals.user_registered.connected_to(hear):
        registered(client)

    ((user, token),) = heard
    assert user == eve()
    assert browser().submit(f"/auth/confirm/{token}").location == LOGIN
    assert eve().confirmed_at


def test_reading_the_link_confirms_nothing(client, post):
    registered(client)

    page = browser().get(post.link("eve@example.org"))

    assert page.status_code == 200
    assert "eve@example.org" in page.text and ">eve<" in page.text
    assert eve().confirmed_at is None


def test_in_another_browser_who_has_confirmed_signs_in(client, post):
    registered(client)
    other = browser()

    assert other.submit(post.link("eve@example.org")).location == LOGIN

    assert "Sign in to go on" in other.get(LOGIN).text
    assert other.sign_in(eve()).status_code == 303


def test_a_link_works_once(client, post):
    registered(client)
    link = post.link("eve@example.org")
    client.submit(link)

    for answer in (client.get(link), browser().get(link), client.submit(link, page="/profile")):
        assert answer.status_code == 410
        assert "This link was used" in answer.text


def test_a_link_of_somebody_else_confirms_nothing(client, as_bob, bob, post):
    registered(client)
    link = post.link("eve@example.org")

    for answer in (as_bob.get(link), as_bob.submit(link, page="/profile")):
        assert answer.status_code == 403
        assert "belongs to another account" in answer.text
    assert eve().confirmed_at is None
    assert User.get_by_id(bob.id).email == bob.email


def later(seconds, monkeypatch):
    """Let so many seconds pass for what is signed."""
    now = TimestampSigner("x").get_timestamp()
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: now + seconds)


@pytest.mark.parametrize(("seconds", "status"), [(24 * 3600 - 60, 200), (24 * 3600 + 60, 410)])
def test_a_link_is_good_for_a_day(client, post, monkeypatch, seconds, status):
    registered(client)
    link = post.link("eve@example.org")

    later(seconds, monkeypatch)

    assert browser().get(link).status_code == status


@pytest.mark.parametrize("token", ["x", "a.b.c", "%00", "\U0001f600", "x" * 3000, "%ed%a0%80"])
def test_a_made_up_link_is_none(client, token):
    answer = client.get(f"/auth/confirm/{token}")

    assert answer.status_code == 404
    assert "Check that it was copied whole." in answer.text


def test_a_link_of_another_kind_is_none(client, bob, post):
    client.submit("/auth/reset", email=bob.email)
    token = post.link(bob.email).rpartition("/")[2]

    assert client.get(f"/auth/confirm/{token}").status_code == 404


def test_no_cache_keeps_a_page_with_a_link_and_no_page_is_told_it(client, post):
    registered(client)
    answer = browser().get(post.link("eve@example.org"))

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_neither_outbox_nor_audit_trail_holds_a_link_or_a_password(client, post):
    registered(client)
    link = post.link("eve@example.org")

    token = link.rpartition("/")[2]
    for row in [*OutboxMail.select().dicts(), *AuditEvent.select().dicts()]:
        assert token[:20] not in str(row) and PASSWORD not in str(row)


# Nobody learns who has an account.


def said(answer):
    return answer.status_code, answer.location, re.sub(r"eve\d?|bob", "somebody", answer.text)


def test_registering_a_taken_address_looks_like_any_other(client, bob, hasher):
    fresh, taken = browser(), browser()

    answers = [
        (
            said(each.submit(REGISTER, **EVE | values)),
            said(each.get(WAITING)),
            said(each.get("/auth/account")),
        )
        for each, values in (
            (fresh, {"username": "eve1"}),
            (taken, {"username": "eve2", "email": bob.email}),
        )
    ]

    def drawn(pages):
        return [re.sub(r'name="csrf_token" value="[^"]+"', "", str(page)) for page in pages]

    assert drawn(answers[0]) == drawn(answers[1])


def test_registering_a_taken_address_is_the_same_work(database, client, bob, hasher):
    work = []
    for username, email in (("eve1", "eve@example.org"), ("eve2", bob.email), ("eve3", "BOB@example.org")):
        visitor = browser()
        visitor.get(REGISTER)
        before = hasher.work
        with counted(database) as statements:
            registered(visitor, username=username, email=email)
        work.append((statements, hasher.work - before))

    assert work[0] == work[1] == work[2]
    assert work[0][1] == 1


def test_the_owner_of_a_taken_address_is_told(client, bob, post):
    registered(client, email="Bob@example.org")

    subject, text = post.to(bob.email)

    assert subject == "You have an account already"
    assert "/auth/login" in text and "/auth/reset" in text and "/auth/confirm/" not in text
    assert not User.get(User.username == "eve").email


def test_a_taken_address_cannot_be_confirmed(client, bob):
    registered(client, email=bob.email)
    token = registration.confirm_token(main.app.secret_key, eve().id, bob.email)

    answer = client.submit(f"/auth/confirm/{token}")

    assert answer.status_code == 409
    assert "Another account has this address." in answer.text
    assert eve().confirmed_at is None


def test_two_who_want_one_address_get_a_link_each_and_the_first_has_it(client, post):
    registered(client)
    other = registered(username="mallory")
    for_eve, for_mallory = (
        f"/auth/confirm/{registration.confirm_token(main.app.secret_key, user.id, user.new_email)}"
        for user in User.select().order_by(User.id)
    )

    assert ">mallory<" in browser().get(for_mallory).text
    assert client.submit(for_eve).location == "/"

    assert other.submit(for_mallory).status_code == 409
    assert not User.get(User.username == "mallory").email


@pytest.mark.parametrize("taken", [False, True])
def test_a_username_is_held_for_a_day_in_either_case(client, bob, taken):
    registered(client, email=bob.email if taken else EVE["email"])
    again = EVE | {"username": "EVE", "email": "another@example.org"}

    answer = browser().submit(REGISTER, **again)
    assert answer.status_code == 422
    assert "The username EVE is taken." in answer.text

    User.update(member_since=utcnow() - timedelta(hours=23, minutes=59)).where(
        User.username == "eve"
    ).execute()
    assert browser().submit(REGISTER, **again).status_code == 422
    User.update(member_since=utcnow() - timedelta(hours=24, minutes=1)).where(
        User.username == "eve"
    ).execute()
    assert browser().submit(REGISTER, **again).status_code == 303
    assert User.select().where(User.username == "eve").count() == 1


@pytest.mark.parametrize("taken", [False, True])
def test_an_account_that_waits_lets_nobody_in_by_its_password(client, bob, taken):
    """It would tell that nobody else has the address."""
    email = bob.email if taken else EVE["email"]
    registered(client, email=email, password="another good password", password2="another good password")

    answer = browser().submit(LOGIN, email=email, password="another good password")

    assert answer.status_code == 422
    assert "E-mail and password do not belong together." in answer.text


def test_a_day_later_what_was_not_confirmed_is_gone(client, post):
    registered(client)
    link = post.link("eve@example.org")
    User.update(member_since=utcnow() - timedelta(days=2)).execute()

    User.forget_unconfirmed()

    assert User.select().count() == Session.select().count() == 0
    assert client.get("/profile").status_code == 302 or client.get("/profile").status_code == 303
    assert browser().get(link).status_code == 410
    assert AuditEvent.select().where(AuditEvent.action == "user.register").count() == 1


def test_forgetting_takes_only_accounts_that_were_never_confirmed(database, ada, bob):
    User.create(username="profile")
    User.update(new_email="new@example.org").where(User.id == bob).execute()
    User.update(confirmed_at=None).where(User.id == ada).execute()
    User.update(member_since=utcnow() - timedelta(days=400)).execute()

    assert User.forget_unconfirmed() == 0


# Sending it again.


def test_who_is_signed_in_has_the_link_sent_again(client, post):
    registered(client)
    first = post.link("eve@example.org")

    assert client.submit(WAITING).location == WAITING
    assert "again" in client.get(WAITING).text

    assert client.submit(post.link("eve@example.org")).location == "/"
    assert browser().get(first).status_code == 410


def test_who_is_not_signed_in_has_it_sent_by_address(client, post):
    registered(client)
    post()
    other = browser()

    answer = other.submit(WAITING, email="Eve@example.org")

    assert answer.location == f"{WAITING}?sent=1"
    assert "If an account waits for that address" in other.get(answer.location).text
    assert other.submit(post.link("eve@example.org")).location == LOGIN


def test_sending_it_again_tells_nobody_who_registered(database, client, bob, post, hasher):
    registered(client)
    post()
    other, seen = browser(), []
    for email in ("eve@example.org", bob.email, "nobody@example.org"):
        other.get(WAITING)
        with counted(database) as statements:
            answer = other.submit(WAITING, email=email)
        seen.append((said(answer), statements, hasher.work))

    assert seen[0] == seen[1] == seen[2]
    subjects = {mail["To"].addresses[0].addr_spec: mail["Subject"] for mail in post()}
    assert subjects == {
        "eve@example.org": "[talks] Confirm your address",
        bob.email: "[talks] You have an account already",
    }


def test_an_address_gets_three_such_mails_a_day(client, post):
    registered(client)
    for _ in range(5):
        client.submit(WAITING)
    registered(username="mallory")

    assert len(post()) == registration.PER_ADDRESS == 3
    LoginAttempt.update(at=utcnow() - timedelta(days=1, minutes=1)).execute()
    client.submit(WAITING)
    assert len(post()) == 1


def test_one_network_registers_so_many_a_day(client, hasher, monkeypatch):
    monkeypatch.setattr(registration, "PER_NETWORK", 2)
    registered(username="one", email="one@example.org")
    registered(username="two", email="two@example.org")

    answer = browser().submit(REGISTER, **EVE)
    assert answer.status_code == 429
    assert "Many accounts were made from your network today." in answer.text
    other = browser()
    other.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    registered(other)


# Bad input.


def wrong(client, **values):
    answer = client.submit(REGISTER, **(EVE | values))
    assert answer.status_code == 422
    assert User.select().where(User.new_email.is_null(False)).count() == 0
    assert OutboxMail.select().count() == 0
    return answer.text


@pytest.mark.parametrize(
    ("username", "why"),
    [
        ("", "Choose a username."),
        ("a b", "Use letters a to z"),
        ("-a", "Use letters a to z"),
        ("\u0430dmin", "Use letters a to z"),
        ("b\u043eb", "Use letters a to z"),
        ("\u0431\u043e\u0431", "Use letters a to z"),
        ("eve\u200b", "Use letters a to z"),
        ("ev\uff45", "Use letters a to z"),
        ("a\0b", "cannot be shown"),
        ("a" * 65, "64"),
        ("../../etc", "Use letters a to z"),
        ("<b>eve</b>", "Use letters a to z"),
        ("bob", "is taken"),
        ("BoB", "is taken"),
        ("robert", "is taken"),
        ("admin", "is kept for the people who run this site"),
        ("Admin", "is kept for the people who run this site"),
        ("a.d-m_i.n", "is kept for the people who run this site"),
        ("4dm1n", "is kept for the people who run this site"),
        ("moderator", "is kept for the people who run this site"),
        ("Talks", "is kept for the people who run this site"),
    ],
)
def test_a_username_is_refused(client, bob, username, why):
    Alias.create(user=bob, name="robert", key="robert")

    assert why in wrong(client, username=username)


@pytest.mark.parametrize("username", ["e", "Eve", "eve.hill", "eve-2", "e_e", "a" * 64, "administra"])
def test_a_username_is_taken_as_it_is(database, username):
    registered(username=username)

    assert User.get().username == username.lower()


@pytest.mark.parametrize(
    "email",
    ["", "eve", "eve@", "@example.org", "eve@example..org", "e ve@example.org", '"e\nve"@example.org',
     '"eve hill"@example.org', "eve@example.org\r\nBcc: all@example.org", "eve\0@example.org",
     "e" * 308 + "@example.org", "e" * 400 + "@example.org", "eve@" + "x" * 64 + ".org", "<eve@example.org>",
     "eve@[127.0.0.1]", "eve@example.org, bob@example.org", "eve@exa\u2028mple.org"],
)  # fmt: skip
def test_an_address_is_refused(client, email):
    wrong(client, email=email)


@pytest.mark.parametrize(
    ("email", "kept"),
    [
        ("eve+talks@example.org", "eve+talks@example.org"),
        ("o'hara@example.org", "o'hara@example.org"),
        (" EVE@Example.ORG ", "eve@example.org"),
        ("eve@b\u00fccher.example", "eve@b\u00fccher.example"),
        ("eve@xn--bcher-kva.example", "eve@b\u00fccher.example"),
        ("zo\u00eb@example.org", "zo\u00eb@example.org"),
        (
            "e" * 64 + "@" + "x" * 60 + "." + "y" * 60 + ".example",
            "e" * 64 + "@" + "x" * 60 + "." + "y" * 60 + ".example",
        ),
    ],
)
def test_an_address_is_kept(client, email, kept, post):
    registered(client, email=email)

    assert eve().new_email == kept
    assert client.submit(post.link(kept.replace("b\u00fccher", "xn--bcher-kva"))).location == "/"
    assert eve().email == kept


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "Choose a password."),
        ("short", "Use at least 10 characters."),
        ("x" * 10_240, "Use at most 1,024 characters."),
        ("\0" * 12, "cannot be typed"),
        ("password123", "Attackers try this"),
        ("eve@example.org", "Others know this of you."),
    ],
)
def test_a_password_is_refused(client, password, why, hasher):
    text = wrong(client, password=password, password2=password)

    assert why in text
    assert hasher.work == 0


def test_the_two_passwords_have_to_be_the_same(client):
    assert "The two passwords are not the same." in wrong(client, password2=PASSWORD + "x")


def test_what_was_typed_is_kept_but_for_the_passwords(client):
    text = wrong(client, username="a b")

    assert 'value="a b"' in text and 'value="eve@example.org"' in text and PASSWORD not in text


def test_a_form_without_a_token_registers_nobody(client, database):
    assert client.post(REGISTER, data=EVE).status_code == 400
    assert User.select().count() == 0


def test_where_registration_is_closed_nobody_registers(client, monkeypatch):
    token = TOKEN.search(client.get(REGISTER).text)[1]
    monkeypatch.setitem(main.app.config, "REGISTRATION", "closed")

    for answer in (client.get(REGISTER), client.post(REGISTER, data=EVE | {"csrf_token": token})):
        assert answer.status_code == 403
        assert "the people who run this site give out accounts" in answer.text
    assert User.select().count() == 0
    assert REGISTER not in client.get(LOGIN).text


def test_who_is_signed_in_need_not_register(as_bob):
    assert as_bob.get(f"{REGISTER}?next=/profile").location == "/profile"


@pytest.mark.parametrize("target", ["//evil.example", "https:evil", "/\\evil", "https://evil.example"])
def test_registering_leads_nowhere_else(as_bob, target):
    assert as_bob.get(REGISTER, query_string={"next": target}).location == "/"


def test_who_has_nothing_to_confirm_is_led_to_the_account(as_bob):
    assert as_bob.get(WAITING).location == "/auth/account"
