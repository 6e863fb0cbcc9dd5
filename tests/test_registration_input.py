"""What is typed when somebody registers: what is refused, what is taken, and what is kept."""

import pytest
from conftest import PASSWORD
from joining import EVE, REGISTER, eve, registered

from models import Alias, OutboxMail, User


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
        *(
            (username, "is kept for the people who run this site")
            for username in [
                "admin-1",
                "admin_team",
                "administrators",
                "talks-admin",
                "moderator1",
                "4dm1n2",
                "the.r00t",
                "1admin",
                "Webmasters",
                "former-0123456789ab",
            ]
        ),
    ],
)
def test_a_username_is_refused(client, bob, username, why):
    Alias.create(user=bob, name="robert", key="robert")

    assert why in wrong(client, username=username)


@pytest.mark.parametrize(
    "username",
    [
        "e",
        "Eve",
        "eve.hill",
        "eve-2",
        "e_e",
        "a" * 64,
        "administra",
        "api-fan",
        "newman",
        "rooter",
        "formerly",
        "j.adminson",
    ],
)
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
    assert 'aria-invalid="true"' in wrong(client, email=email)


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
