"""Another address: it is confirmed by a link, and tells nobody who has it."""

import re

import pytest
from conftest import PASSWORD
from joining import browser
from posted import counted
from recovering import BOB, EMAIL, LOGIN, NEW, PASSWORD_PAGE, RESET, TWICE, has_password, reloaded

import main
from models import OutboxMail, User
from talks import recovery, registration


def test_an_address_is_changed_by_the_link_that_is_sent_there(as_bob, bob, post):
    answer = as_bob.submit(EMAIL, email="Robert@example.org", password=PASSWORD)
    assert answer.location == "/auth/confirm"
    page = as_bob.get(answer.location).text
    assert "robert@example.org" in page and "Until then your address is bob@example.org" in page
    assert (reloaded(bob).email, reloaded(bob).may_write) == (BOB, True)

    assert as_bob.submit(post.link("robert@example.org")).location == "/"

    now = reloaded(bob)
    assert (now.email, now.new_email) == ("robert@example.org", None)
    assert has_password(now, PASSWORD)
    assert browser().submit(LOGIN, email=BOB, password=PASSWORD).status_code == 422


def test_the_address_before_is_told_once_it_is_changed(as_bob, post):
    as_bob.submit(EMAIL, email="robert@example.org", password=PASSWORD)
    mails = post()
    assert [mail["To"].addresses[0].addr_spec for mail in mails] == ["robert@example.org"]
    as_bob.submit(EMAIL, email="robert@example.org", password=PASSWORD)

    as_bob.submit(post.link("robert@example.org"))

    subject, text = post.to(BOB)
    assert subject == "Your account has another address"
    assert "robert" not in text


def test_a_newer_wish_makes_the_older_link_void(as_bob, bob, post):
    as_bob.submit(EMAIL, email="one@example.org", password=PASSWORD)
    link = post.link("one@example.org")
    as_bob.submit(EMAIL, email="two@example.org", password=PASSWORD)

    assert as_bob.get(link).status_code == 410
    assert reloaded(bob).email == BOB


def test_a_wish_ends_with_the_password(client, as_bob, bob, post):
    """Whoever learned the password could take the account back by it once its owner has set another."""
    as_bob.submit(EMAIL, email="eve@example.org", password=PASSWORD)
    links = [post.link("eve@example.org")]
    client.submit(RESET, email=BOB)
    client.submit(post.link(BOB), **TWICE)
    as_bob.sign_in(bob, password=NEW)
    as_bob.submit(EMAIL, email="eva@example.org", password=NEW)
    links.append(post.link("eva@example.org"))
    as_bob.submit(PASSWORD_PAGE, old_password=NEW, password=PASSWORD, password2=PASSWORD)

    assert [browser().get(link).status_code for link in links] == [410, 410]
    assert (reloaded(bob).email, reloaded(bob).new_email) == (BOB, None)


def test_a_wish_is_taken_back(as_bob, bob, post):
    as_bob.submit(EMAIL, email="one@example.org", password=PASSWORD)
    link = post.link("one@example.org")

    answer = as_bob.submit("/auth/email/keep", page="/auth/account")

    assert answer.location == "/auth/account"
    assert as_bob.get(link).status_code == 410
    assert reloaded(bob).new_email is None


def test_an_address_that_somebody_has_looks_like_any_other_and_is_not_given(database, as_bob, bob, ada, post):
    seen = []
    for email in ("new@example.org", ada.email):
        as_bob.get(EMAIL)
        with counted(database) as statements:
            answer = as_bob.submit(EMAIL, email=email, password=PASSWORD)
        page = as_bob.get("/auth/confirm").text
        seen.append((answer.status_code, statements, re.sub(r'new|ada|value="[^"]*"', "", page)))

    assert seen[0] == seen[1]
    assert post.to(ada.email)[0] == "You have an account already"
    token = registration.confirm_token(main.app.secret_key, bob.id, ada.email)
    assert as_bob.submit(f"/auth/confirm/{token}").status_code == 409
    assert reloaded(bob).email == BOB


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"email": "nobody"}, "That is not an e-mail address."),
        ({"email": "BOB@example.org"}, "That is your address already."),
        ({"password": "wrong"}, "That is not your password."),
        ({"password": ""}, "Enter your password."),
    ],
)
def test_an_address_is_not_changed(as_bob, bob, values, why):
    answer = as_bob.submit(EMAIL, **({"email": "new@example.org", "password": PASSWORD} | values))

    assert answer.status_code == 422
    assert why in answer.text
    assert reloaded(bob).new_email is None
    assert OutboxMail.select().count() == 0


def test_an_account_tries_so_many_addresses_a_day(as_bob, bob, post):
    for number in range(recovery.PER_USER):
        as_bob.submit(EMAIL, email=f"new{number}@example.org", password=PASSWORD)

    answer = as_bob.submit(EMAIL, email="another@example.org", password=PASSWORD)

    assert answer.status_code == 422
    assert "You have tried several addresses today." in answer.text
    assert OutboxMail.select().count() == recovery.PER_USER
    assert len(post()) == 1  # nobody waits for the others any more


def test_whose_confirmation_was_withdrawn_gets_another_link(as_bob, bob, post):
    User.update(confirmed_at=None).execute()
    assert as_bob.submit("/profile", page="/auth/account", name="Robert").status_code == 403

    as_bob.submit("/auth/confirm")
    as_bob.submit(post.link(BOB))

    assert reloaded(bob).may_write
    assert post() == []


def test_the_account_says_what_there_is(as_bob, post):
    page = as_bob.get("/auth/account")
    assert page.status_code == 200
    assert BOB in page.text

    as_bob.submit(EMAIL, email="robert@example.org", password=PASSWORD)
    assert "waits to be confirmed" in as_bob.get("/auth/account").text
