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
