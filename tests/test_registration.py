"""Registering and confirming: who gets an account, and that nobody learns who has one."""

import re
from datetime import timedelta

import pytest
from conftest import PASSWORD, TOKEN
from joining import EVE, REGISTER, WAITING, browser, eve, later, registered
from posted import counted

import main
from models import AuditEvent, LoginAttempt, OutboxMail, Session, User, utcnow
from talks import registration, signals

LOGIN = "/auth/login"


def may_write(client):
    return client.submit("/profile", name="Eve").status_code == 303


def test_it_works(client, post):
    assert 'href="/auth/register">Make one</a>' in client.get(LOGIN).text

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


def test_who_is_not_signed_in_gets_a_link_for_each_account_by_its_username(client, post):
    for number in range(4):
        registered(username=f"mallory{number}" if number != 1 else "eve")
    post()
    LoginAttempt.delete().execute()

    client.submit(WAITING, email="eve@example.org")

    text = post.to("eve@example.org")[1]
    links = re.findall(r"^(\w+): http://127.0.0.1:8000(/auth/confirm/\S+)", text, re.MULTILINE)
    assert [username for username, _ in links] == ["mallory0", "eve", "mallory2"]
    assert browser().submit(links[1][1]).location == LOGIN
    assert eve().email == "eve@example.org"


def test_a_mail_about_one_account_names_it_at_its_top(client, post):
    registered(client)

    assert " ".join(post.to("eve@example.org")[1].split()).startswith(
        "Somebody, probably you, has given this address for the account eve at Talks."
    )


def test_who_registers_elsewhere_does_not_use_up_the_mails_of_an_address(client, post):
    mallory = browser()
    mallory.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    registered(mallory, username="mallory")
    for _ in range(5):
        mallory.submit(WAITING)
    assert len(post()) == registration.PER_ADDRESS

    registered(client)
    assert len(post()) == 1
    for number in range(8, 12):
        client.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
        client.submit(WAITING)
    assert len(post()) == registration.PER_ADDRESS_IN_ALL - registration.PER_ADDRESS - 1


def test_the_page_does_not_say_that_a_mail_was_sent_when_there_were_too_many(client, post):
    registered(client)

    assert "unless it had too many such mails today" in client.get(WAITING).text


def test_an_address_gets_three_such_mails_a_day_from_one_network(client, post):
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


# Who cannot register, and who need not.


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
