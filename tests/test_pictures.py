"""Pictures are the same for ever, small, and drawn for any name."""

from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talks import pictures


def talk(number=1, event="pycon-us-2019", names=("Ada Lovelace",)):
    people = [SimpleNamespace(username=f"person-{i}", name=name) for i, name in enumerate(names)]
    return SimpleNamespace(id=number, event=event and SimpleNamespace(slug=event), speakers=people)


def test_the_picture_of_a_talk_stays_the_same_for_ever():
    assert pictures.talk_picture(talk(1204)) == (
        11, 2, "moons",
        "M54 50a42 42 0 1 0 84 0 42 42 0 1 0-84 0z",
        "M78 38a42 42 0 1 0 84 0 42 42 0 1 0-84 0z", "AL",
    )  # fmt: skip


def test_talks_of_one_event_share_its_hue():
    assert len({pictures.talk_picture(talk(number)).hue for number in range(50)}) == 1


def test_talks_of_one_event_differ_in_motif():
    assert len({pictures.talk_picture(talk(number)).style for number in range(200)}) == len(pictures.MOTIFS)


def test_events_spread_over_all_hues():
    hues = {pictures.talk_picture(talk(1, f"event-{number}")).hue for number in range(200)}
    assert hues == set(range(pictures.HUES))


def test_without_event_the_hue_comes_from_the_talk():
    assert (
        len({pictures.talk_picture(talk(number, event=None)).hue for number in range(200)}) == pictures.HUES
    )


def test_a_talk_without_speakers_has_no_initials():
    assert pictures.talk_picture(talk(names=())).initials == ""


@pytest.mark.parametrize("motif", pictures.MOTIFS, ids=lambda motif: motif.__name__)
def test_motif_fits_into_a_lean_page(motif):
    sizes = [sum(map(len, motif(pictures.Dice(f"talk {number}")))) for number in range(500)]
    assert max(sizes) <= 270


@pytest.mark.parametrize("motif", pictures.MOTIFS, ids=lambda motif: motif.__name__)
def test_motif_is_path_data(motif):
    drawn = motif(pictures.Dice("talk 1"))
    for path in drawn:
        assert set(path) <= set("MLHVQTAZlhvqtaz0123456789- m")
        ElementTree.fromstring(f'<path d="{path}"/>')


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Ada Lovelace", "AL"), ("Guido van Rossum", "GR"), ("ada", "A"), ("łukasz langa", "ŁL"),
        ("김철수", "김"), ("محمد علي", "مع"), ("“Q” (anonymous)", "QA"),
        ("!!!", ""), ("", ""), ("ßeta", "SS"),
    ],
)  # fmt: skip
def test_initials_are_those_of_first_and_last_word(name, letters):
    assert pictures.initials(name) == letters


@pytest.mark.parametrize(
    ("names", "letters"),
    [(["Ada L", "Bob K"], "AL BK"), (["Ada L", "Bob K", "Cy D"], "AL +2"), (["", "Bob K"], "BK"), ([], "")],
)
def test_many_speakers_are_counted(names, letters):
    assert pictures.joined_initials(names) == letters


@given(st.integers(0, 2**63 - 1), st.text(), st.lists(st.text(), max_size=4))
def test_anything_has_a_picture(number, event, names):
    picture = pictures.talk_picture(talk(number, event, names))
    assert picture.hue in range(pictures.HUES) and picture.tone in range(pictures.TONES)


@given(st.text(), st.text())
def test_anybody_has_an_avatar(username, name):
    avatar = pictures.avatar_picture(SimpleNamespace(username=username, name=name))
    assert avatar.hue in range(pictures.HUES) and len(avatar.initials) <= 2


def test_the_avatar_of_a_person_stays_the_same_for_ever():
    avatar = pictures.avatar_picture(SimpleNamespace(username="ada", name="Ada Lovelace"))
    assert avatar == (4, 1, "M13 0a27 27 0 1 0 54 0 27 27 0 1 0-54 0z", "AL")
