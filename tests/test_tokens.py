"""Signed words in addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

from talks import tokens

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def signed_at(moment, secret, purpose, value):
    """A token as it would have been made at `moment` (seconds since 1970)."""

    class Signer(TimestampSigner):
        def get_timestamp(self):
            return moment

    return URLSafeTimedSerializer(secret, salt=f"talks.{purpose}", signer=Signer).dumps(value)


@given(JSON)
def test_what_is_signed_is_read(value):
    assert tokens.read("secret", "setup", tokens.sign("secret", "setup", value), 60) == value


@given(st.text())
def test_a_token_fits_into_an_address(value):
    token = tokens.sign("secret", "setup", value)

    assert token.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert token.isascii()


@pytest.mark.parametrize(("secret", "purpose"), [("other", "setup"), ("secret", "confirm"), ("", "setup")])
def test_a_token_of_another_secret_or_purpose_is_not_valid(secret, purpose):
    with pytest.raises(tokens.TokenInvalid):
        tokens.read("secret", "setup", tokens.sign(secret, purpose, 1), 60)


def test_an_old_token_has_expired():
    with pytest.raises(tokens.TokenExpired, match="Ask for a new one"):
        tokens.read("secret", "setup", signed_at(1_500_000_000, "secret", "setup", 1), 3600)


def test_a_token_from_the_future_is_not_accepted():
    with pytest.raises(tokens.TokenError):
        tokens.read("secret", "setup", signed_at(2**32, "secret", "setup", 1), 3600)


@given(st.data())
def test_a_token_with_one_character_changed_is_not_valid(data):
    token = tokens.sign("secret", "setup", "administrator")
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters().filter(lambda character: character != token[place]))
    last = place == len(token) - 1  # its last bits carry nothing: several letters stand for the same

    try:
        value = tokens.read("secret", "setup", token[:place] + other + token[place + 1 :], 60)
    except tokens.TokenError:
        return
    assert last
    assert value == "administrator"


@given(st.text())
def test_no_text_breaks_the_reading(token):
    with pytest.raises(tokens.TokenError):
        tokens.read("secret", "setup", token, 60)


def test_a_token_of_half_a_character_is_not_valid():
    with pytest.raises(tokens.TokenInvalid):
        tokens.read("secret", "setup", "\ud800", 60)
