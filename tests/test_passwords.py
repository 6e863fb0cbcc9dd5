"""Passwords as hashes."""

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.security import generate_password_hash

from talks import passwords
from talks.passwords import hash_password, is_hash, is_outdated, verify

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.mark.parametrize("password", ["correct horse", "", "pässwörd", "a\0b", "\U0001f600" * 256])
def test_a_password_fits_its_own_hash_and_no_other(password):
    stored = hash_password(password)

    assert verify(stored, password)
    assert not verify(stored, password + "x")


def test_equal_passwords_have_different_hashes():
    assert hash_password("correct horse") != hash_password("correct horse")


def test_a_hash_is_argon2id_at_the_recommended_parameters():
    assert hash_password("correct horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_what_follows_the_longest_password_is_not_ignored():
    longest = "x" * passwords.LONGEST
    stored = CHEAP.hash(longest)

    assert verify(stored, longest)
    assert not verify(stored, longest + "x")


@pytest.mark.parametrize("method", ["scrypt:1024:8:1", "pbkdf2:sha256:10"])
def test_hashes_by_werkzeug_are_understood(method):
    stored = generate_password_hash("correct horse", method)

    assert is_hash(stored)
    assert verify(stored, "correct horse")
    assert not verify(stored, "wrong")
    assert is_outdated(stored)


def test_a_hash_with_weaker_parameters_is_outdated():
    assert is_outdated(CHEAP.hash("x"))
    assert not is_outdated(hash_password("x"))


@pytest.mark.parametrize("stored", [None, ""])
def test_where_nothing_is_stored_no_password_fits(stored):
    assert not verify(stored, "")
    assert not verify(stored, "nobody has this password")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "correct horse",
        "$argon2id$",
        "$argon2id$a$b$c$d",
        "$argon2id$v=19$m=19456,t=2,p=1$short$short",
        "$2b$12$KIXQJ1Z1Z1Z1Z1Z1Z1Z1Zu",
        "scrypt:1$salt$00",
        "scrypt:3:1:1$salt$00",
        "pbkdf2:nonsense:1$salt$00",
        "pbkdf2:sha256:10$salt$not hexadecimal",
        "plain$salt$00",
        "md5$salt$00",
        "scrypt:1024:8:1$" + "s" * 300 + "$00",
    ],
)
def test_no_hash_is(text):
    assert not is_hash(text)
    assert not verify(text, "")


def test_a_hash_is_recognised():
    assert is_hash(hash_password("correct horse"))
    assert is_hash(CHEAP.hash(""))


@given(
    st.text(max_size=60)
    | st.text("$:0123456789argon2idscryptpbkdf2v=m,tp", max_size=60)
    | st.builds("scrypt:{}:1:1${}$00".format, st.integers(-1, 20), st.text(max_size=5))
)
def test_no_text_in_place_of_a_hash_breaks_verification(stored):
    assert verify(stored, "x") is False


def test_half_a_character_is_a_wrong_password():
    assert not verify(CHEAP.hash("x"), "\ud800")


GOOD = [
    "correct horse battery",
    "pässwörter sind lang",
    "Xy7!kq-pRw2z",
    "爱你一万年不变的心情",
    "a b c d e f g h",
    "t" + "ravel by night train",
]
WEAK = {
    "short": "at least 10",
    "x" * 1025: "at most 1,024",
    "x" * 10_000: "at most 1,024",
    "\0" * 12: "cannot be typed",
    "good pass\0word": "cannot be typed",
    "half a character \ud800": "cannot be typed",
    "aaaaaaaaaaaa": "try this early",
    "abababababab": "try this early",
    "abcdefghijklm": "try this early",
    "zyxwvutsrqpon": "try this early",
    "1234567890": "try this early",
    "qwertyuiop": "try this early",
    "password123": "try this early",
    "Password2026!": "try this early",
    "P@$$w0rd!!!!": "try this early",
    "passwordpassword": "try this early",
    "!!!dragon1987": "try this early",
}


@pytest.mark.parametrize("password", GOOD)
def test_a_good_password_is_taken(password):
    assert passwords.why_weak(password, ["ada", "ada@example.org"]) == ""


@pytest.mark.parametrize(("password", "why"), WEAK.items(), ids=lambda text: repr(text[:20]))
def test_a_weak_password_is_refused(password, why):
    assert why in passwords.why_weak(password)


@pytest.mark.parametrize(
    "password", ["ada-lovelace", "AdaLovelace1815", "ada.lovelace@example.org", "1815 ada_lovelace"]
)
def test_what_others_know_is_no_password(password):
    about = ["ada-lovelace", "ada.lovelace@example.org"]

    assert "Others know this of you" in passwords.why_weak(password, about)
    assert passwords.why_weak(f"{password} rides by night", about) == ""


@given(st.text(max_size=60), st.text(max_size=20))
def test_every_text_is_judged(password, word):
    assert isinstance(passwords.why_weak(password, [word]), str)


def test_the_list_of_common_passwords_says_where_it_is_from():
    head = passwords.LIST.read_text().splitlines()[:4]

    assert all(line.startswith("#") for line in head)
    assert "Copyright" in head[2]
