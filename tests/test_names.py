"""Spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talks.names import ascii_slug, fold, fold_tag, slug


@pytest.mark.parametrize(
    "one, other",
    [
        ("Ada Lovelace", "ada lovelace"),
        ("Łukasz Langa", "Lukasz Langa"),
        ("Jose Muñoz", "José Munoz"),
        ("Jean-Paul Sartre", "Jean Paul Sartre"),
        ("O'Brien", "O’Brien"),
        ("J.R. Smith", "J. R. Smith"),
        ("Άννα", "Αννα"),
    ],
)
def test_spellings_of_one_name_fold_to_one_key(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize("one, other", [("ハカ", "バカ"), ("김대현", "김대한"), ("Ann Lee", "Anna Lee")])
def test_different_names_stay_apart(one, other):
    assert fold(one) != fold(other)


def test_machine_learning_is_one_tag_however_it_is_spelled():
    assert len({fold_tag(name) for name in ("machine learning", "Machine-Learning", "machine_learning")}) == 1


def test_c_and_its_children_are_three_tags():
    assert len({fold_tag(name) for name in ("C", "C++", "C#")}) == 3


@given(st.text())
def test_folding_is_done_once(name):
    assert fold(fold(name)) == fold(name)


@given(st.text(), st.integers(4, 40))
def test_a_slug_is_short_and_fits_an_address(text, limit):
    made = slug(text, limit)

    assert len(made) <= limit
    assert not set(made) & set(" /?#%&")
    assert made == made.strip("-")


@given(st.text())
def test_an_ascii_slug_holds_only_letters_digits_and_hyphens(text):
    assert set(ascii_slug(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
