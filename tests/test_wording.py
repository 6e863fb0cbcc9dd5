"""Values in English, and back."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import main
from talks import wording


@pytest.mark.parametrize(
    "value, said",
    [
        (None, ""),
        (date(2019, 5, 3), "3 May 2019"),
        (datetime(2019, 5, 3, 9, 5), "3 May 2019, 09:05"),
    ],
)
def test_a_civil_date_is_said_with_its_time_where_there_is_one(value, said):
    assert wording.civil_date(value) == said


@pytest.mark.parametrize(
    "zone, iso",
    [
        ("", "2019-07-03T15:00:00"),
        ("+05:30", "2019-07-03T15:00:00+05:30"),
        ("-08:00", "2019-07-03T15:00:00-08:00"),
        ("Europe/Berlin", "2019-07-03T15:00:00+02:00"),
    ],
)
def test_a_time_carries_the_offset_of_its_zone(zone, iso):
    assert wording.civil_iso(datetime(2019, 7, 3, 15), zone) == iso


@given(st.integers(0, 7 * 24 * 3600 - 1))
def test_a_duration_is_read_as_it_is_said(seconds):
    assert wording.read_duration(wording.duration(seconds)) == seconds


@pytest.mark.parametrize("text, seconds", [("45", 2700), ("45 min", 2700), ("1:00:00", 3600), ("", None)])
def test_a_bare_number_is_minutes(text, seconds):
    assert wording.read_duration(text) == seconds


@pytest.mark.parametrize("text", ["soon", "-5", "1:2:3:4", "99999", "9999:00:00", "1:", "٤"])
def test_anything_else_is_no_duration(text):
    with pytest.raises(ValueError, match="duration"):
        wording.read_duration(text)


@pytest.mark.parametrize(
    "text",
    [
        "+9999999999999:00",
        "+1_0:00",
        "+14:01",
        "-15:00",
        "+02:60",
        "+2:00",
        "02:00",
        "+02:00\n",
        "+0２:00",
        "+",
    ],
)
def test_what_is_no_offset_is_no_zone(text):
    assert wording.read_zone(text) is None


@pytest.mark.parametrize("text, hours", [("+14:00", 14), ("-14:00", -14), ("-03:30", -3.5), ("+00:00", 0)])
def test_an_offset_is_read(text, hours):
    assert wording.read_zone(text).utcoffset(None) == timedelta(hours=hours)


@given(st.text(max_size=20) | st.from_regex(r"[+-][\d_]+:[\d_]+", fullmatch=True))
def test_reading_a_zone_never_fails(text):
    assert wording.read_zone(text) is None or wording.civil_iso(datetime(2020, 1, 1), text)


def test_a_language_has_its_english_name_and_an_unknown_one_its_code():
    assert [wording.language_name(code) for code in ("fr", "pt-BR", "xx-unknown")] == [
        "French", "Portuguese (Brazil)", "xx-unknown",
    ]  # fmt: skip


def test_a_count_agrees_with_its_noun():
    assert [wording.count(n, "talk") for n in (0, 1, 1204)] == ["0 talks", "1 talk", "1,204 talks"]
    assert [wording.count(n, "entry") for n in (0, 1, 2)] == ["0 entries", "1 entry", "2 entries"]


@pytest.mark.parametrize(
    "address, link",
    [
        ("ann+talks@example.org", "mailto:ann%2Btalks@example.org"),
        ("ann?bcc=eve@example.org", "mailto:ann%3Fbcc%3Deve@example.org"),
        ("ann&cc=eve@example.org", "mailto:ann%26cc%3Deve@example.org"),
        ("zoë@example.org", "mailto:zo%C3%AB@example.org"),
    ],
)
def test_a_link_writes_to_one_address(address, link):
    assert wording.mailto(address) == link


def test_days_and_times_are_written_by_two_templates_only():
    """Those name the zone, and let the reader's browser say it in the reader's language and zone."""
    folder = Path(main.app.root_path, "templates")
    said = {
        str(path.relative_to(folder)) for path in folder.rglob("*.html") if "civil_date" in path.read_text()
    }

    assert said == {"_date.html", "comments/_written.html"}
    assert not [path for path in folder.rglob("*.html") if 'strftime("%H' in path.read_text()]
