"""The form of a talk: what it takes, what it refuses, and that it changes only what was touched."""

from datetime import date, datetime, timedelta

import pytest
from browsing import Form, write
from conftest import only_sqlite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written import a_talk, names_of, reloaded, rows

from forms import TalkForm
from models import Event, Link, Tag, Talk, TalkTag, User
from talks import publishing
from talks.names import fold

YOUTUBE = "https://www.youtube.com/watch?v=7GI-ohaJfto"
IFRAME = '<iframe width="560" src="https://www.youtube.com/embed/7GI-ohaJfto" allowfullscreen></iframe>'
DECK = (
    '<script async class="speakerdeck-embed" data-id="ca752bab13514a9086ef3788f4c65676"'
    ' src="https://speakerdeck.com/assets/embed.js"></script>'
)


# Fields


@pytest.mark.parametrize(
    "field, most",
    [
        ("title", 255), ("description", 20_000), ("venue", 255), ("license", 255), ("event", 255),
        ("speakers", 128), ("tags", 64),
    ],
)  # fmt: skip
def test_a_field_takes_what_its_column_holds_and_no_more(as_ada, field, most):
    filled = {"title": "A talk"}
    assert write(as_ada, **filled | {field: "é" * most}).status_code == 303

    answer = write(as_ada, **filled | {field: "é" * (most + 1)})

    assert answer.status_code == 422 and "é" * (most + 1) in answer.text and str(most) in answer.text
    assert Talk.select().count() == 1


@pytest.mark.slow
@only_sqlite
@pytest.mark.parametrize("char", list("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"), ids=ascii)
@pytest.mark.parametrize("field", ["title", "venue", "event", "tags", "speakers", "links"])
def test_what_turns_the_text_after_it_is_refused(as_ada, field, char):
    text = f"https://example.org a{char}b" if field == "links" else f"a{char}b"

    answer = write(as_ada, **{"title": "T", field: text})

    assert answer.status_code == 422 and f"U+{ord(char):04X}" in answer.text
    assert Talk.select().count() == 0


@only_sqlite
@pytest.mark.parametrize(
    "title", ["\u200b", "\u200b \u2060\ufeff", "\u00ad", "\u0301", "\u3164", "\u2800"], ids=ascii
)
def test_a_title_of_which_nothing_can_be_seen_is_refused(as_ada, title):
    answer = write(as_ada, title=title)

    assert answer.status_code == 422 and "Give the talk a title." in answer.text
    assert Talk.select().count() == 0


@only_sqlite
@pytest.mark.parametrize("title", ["A talk\n\nSend us your password", "A\rB", "A\u2028B", "A\tB"], ids=ascii)
def test_a_title_is_one_line_as_mail_quotes_it(as_ada, title):
    answer = write(as_ada, title=title)

    assert answer.status_code == 422 and "Write this on one line." in answer.text
    assert not Talk.select().exists()


@only_sqlite
@pytest.mark.parametrize("title", ["?", "👩\u200d🚀", "می\u200cخواهم", "é", "김"], ids=ascii)
def test_joiners_and_marks_may_stand_among_what_is_seen(as_ada, title):
    write(as_ada, title=title)

    assert Talk.get().title == title


@only_sqlite
@pytest.mark.parametrize(
    "field, long",
    [("title", "\0" * 256), ("links", "x\n" * 30_001), ("venue_url", "x" * 2001), ("video", "x" * 10_001)],
    ids=["title", "links", "venue_url", "video"],
)
def test_of_what_is_too_long_nothing_else_is_said(as_ada, field, long):
    filled = {"title": "T", field: long}
    with as_ada.application.test_request_context(method="POST", data=filled):
        form = TalkForm(meta={"csrf": False})
        form.validate()

    (said,) = form[field].errors
    assert "longer than" in said


@pytest.mark.parametrize("field", ["venue_url", "links"])
def test_an_address_of_2000_characters_fits(as_ada, field):
    address = "https://example.org/" + "a" * 1980
    assert write(as_ada, title="Fits", **{field: address}).status_code == 303
    assert write(as_ada, title="Too long", **{field: address + "a"}).status_code == 422

    stored = Talk.get().venue_url or Link.get().url
    assert stored == address and Talk.select().count() == 1


@only_sqlite
def test_the_lines_of_a_long_description_are_counted_as_typed(as_ada):
    write(as_ada, title="Lines", description="a\r\n" * 6_666)

    assert Talk.get().description == ("a\n" * 6_666).strip()


@only_sqlite
@pytest.mark.parametrize(
    "field",
    ["title", "description", "speakers", "video", "slides", "event", "date", "time", "time_zone", "venue",
     "venue_url", "duration", "language", "tags", "links", "license", "status"],
)  # fmt: skip
def test_a_nul_in_any_field_is_refused(as_ada, field):
    answer = write(as_ada, **{"title": "Nul", field: "a\0b"})

    assert answer.status_code == 422 and Talk.select().count() == 0


def test_four_byte_characters_are_kept(as_ada):
    write(
        as_ada,
        title="😀 𝒳",
        description="🎉",
        tags="🐍 snakes",
        event="𠮷 conf",
        speakers="𠮷野家",
        venue="🏠",
    )

    talk = Talk.get()
    assert (talk.title, talk.description, talk.venue, talk.event.title) == ("😀 𝒳", "🎉", "🏠", "𠮷 conf")
    assert names_of(talk) == ["𠮷野家"] and Tag.get().name == "🐍 snakes"


@pytest.mark.slow
@only_sqlite
@pytest.mark.parametrize(
    "fields",
    [
        {"title": ""}, {"title": "   "}, {"date": "yesterday"}, {"date": "2024-02-30"},
        {"date": "0001-01-01"},
        {"date": "2024-05-31T10:00+02:00"}, {"date": "", "time": "10:00"}, {"time": "25:00"},
        {"duration": "long"}, {"duration": "1:2:3:4"}, {"duration": "99999"}, {"time_zone": "Mars/Crater"},
        {"language": "xx-klingon"}, {"status": "deleted"}, {"status": "x"},
        {"venue_url": "javascript:alert(1)"},
        {"links": "javascript:alert(1) x"}, {"links": "https://example.org/ " + "a" * 256},
        {"links": "https://example.org/\n" * 31}, {"tags": "???"}, {"tags": ",".join(map(str, range(31)))},
        {"speakers": "???"}, {"speakers": "\n".join(f"n{n}" for n in range(51))}, {"event": "!!!"},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_beside_its_field(as_ada, fields):
    answer = write(as_ada, **{"title": "Kept input"} | fields)

    again = Form(answer.text).fields
    assert answer.status_code == 422 and Talk.select().count() == 0
    for name in fields.keys() - {"status", "language"}:
        assert again[name].replace("\r\n", "\n").strip() == fields[name].strip()
    bad = next(iter(fields)) if list(fields) != ["date", "time"] else "time"
    assert f'id="{bad}-wrong"' in answer.text or bad == "status"


@pytest.mark.parametrize(
    "typed, stored",
    [
        ({"date": "2024-05-31"}, date(2024, 5, 31)),
        ({"date": "2024-05-31", "time": "14:30"}, datetime(2024, 5, 31, 14, 30)),
        ({"date": "2024-05-31", "time": "00:00"}, datetime(2024, 5, 31, 0, 0)),
        ({"date": "2024-05-31T14:30"}, datetime(2024, 5, 31, 14, 30)),
        ({"date": "2024-05-31 14:30"}, datetime(2024, 5, 31, 14, 30)),
        ({"date": ""}, None),
    ],
    ids=str,
)
def test_a_date_is_kept_with_its_time_or_without(as_ada, typed, stored):
    write(as_ada, title="Then", **typed)

    assert Talk.get().date == stored and type(Talk.get().date) is type(stored)


def test_a_zone_is_kept_with_a_time(as_ada):
    write(as_ada, title="Then", date="2024-05-31", time="14:30", time_zone="Europe/Berlin")

    assert Talk.get().time_zone == "Europe/Berlin"
    assert 'datetime="2024-05-31T14:30:00+02:00"' in as_ada.get(f"/talk/{Talk.get().id}").text


@only_sqlite
@pytest.mark.parametrize("typed, seconds", [("1:02:05", 3725), ("31:20", 1880), ("45", 2700), ("", None)])
def test_a_duration_is_kept_in_seconds(as_ada, typed, seconds):
    write(as_ada, title="Long", duration=typed)

    assert Talk.get().duration_s == seconds


@only_sqlite
def test_blank_lines_between_links_do_no_harm(as_ada):
    write(as_ada, title="Links", links="https://github.com/a/b  Code \n\n\nhttps://example.org/\tPage\n")

    assert [(link.kind, link.url, link.label) for link in Link.select()] == [
        ("code", "https://github.com/a/b", "Code"),
        ("web", "https://example.org/", "Page"),
    ]


# Players


@only_sqlite
@pytest.mark.parametrize(
    "field, pasted, stored",
    [
        ("video", IFRAME, YOUTUBE),
        ("video", "https://youtu.be/7GI-ohaJfto", YOUTUBE),
        ("slides", DECK, "https://speakerdeck.com/player/ca752bab13514a9086ef3788f4c65676"),
    ],
)
def test_of_what_is_pasted_an_address_is_kept(as_ada, field, pasted, stored):
    assert write(as_ada, title="Player", **{field: pasted}).status_code == 303

    assert getattr(Talk.get(), f"{field}_url") == stored


@only_sqlite
@pytest.mark.parametrize("field", ["video", "slides"])
@pytest.mark.parametrize(
    "pasted",
    ["javascript:alert(1)", "data:text/html,x", "https://youtube.com.evil.example/watch?v=7GI-ohaJfto",
     "https://user@www.youtube.com/watch?v=7GI-ohaJfto",
     '<iframe srcdoc="<script>alert(1)</script>"></iframe>',
     '<img src=x onerror="alert(1)">', "//youtube.com/watch?v=7GI-ohaJfto", "ftp://example.org/a.mp4"],
)  # fmt: skip
def test_what_no_player_fits_is_refused_with_what_is_accepted(as_ada, field, pasted):
    answer = write(as_ada, title="Player", **{field: pasted})

    assert answer.status_code == 422 and "Accepted: an address or embed code of" in answer.text
    assert Form(answer.text).fields[field] == pasted
    assert Talk.select().count() == 0


@only_sqlite
def test_a_deck_without_a_player_is_kept_with_a_hint(as_ada):
    answer = write(as_ada, title="Deck", slides="https://speakerdeck.com/ada/a-deck")

    assert Talk.get().slides_url == "https://speakerdeck.com/ada/a-deck"
    assert "embed code" in as_ada.get(answer.location).text


@only_sqlite
@pytest.mark.parametrize("day", ["9999-12-31", "9999-12-31T10:00"])
def test_a_date_far_ahead_is_refused(as_ada, day):
    answer = write(as_ada, title="Far", date=day)

    assert answer.status_code == 422 and "more than two years ahead" in answer.text
    assert Talk.select().count() == 0


@only_sqlite
@pytest.mark.parametrize("days", [1, 731])
def test_a_talk_of_the_next_two_years_is_announced(as_ada, days):
    day = date.today() + timedelta(days)

    assert write(as_ada, title="Soon", date=day.isoformat()).status_code == 303
    assert Talk.get().date == day


def test_a_date_far_ahead_that_was_imported_may_stay(as_ada, ada):
    talk = a_talk(ada, date=date(9999, 12, 31))

    assert write(as_ada, f"/edit/{talk.id}", title="Changed").status_code == 303
    assert reloaded(talk).date == date(9999, 12, 31)


def imported(**values):
    """A talk that holds what the form would refuse."""
    event = Event.create(slug="odd", title="???", starts_on=date(2020, 1, 1), ends_on=date(2020, 1, 2))
    Event.create(slug="odd-2", title="???")
    names = ("Doe, Jane", "???", "Two  Blanks")
    people = [User.create(username=f"p{n}", name=name, is_speaker=True) for n, name in enumerate(names)]
    text = {
        "title": "Imported",
        "description": "  Hi\r\n\r\n*you*\n",
        "video_url": "https://odd.example/video",
    }
    columns = {
        "slides_url": "http://example.org/deck.key", "venue": "x" * 255, "language": "tlh",
        "date": datetime(2021, 3, 4, 5, 6, 7), "time_zone": "", "duration_s": 900_000, "event": event,
    }  # fmt: skip
    talk = a_talk(status="published", speakers=people, **text | columns | values)
    for n in range(35):
        TalkTag.create(talk=talk, tag=Tag.create(slug=f"t{n}", key=f"t{n}", name=f"t, {n}"), date=talk.date)
        Link.create(talk=talk, url=f"https://example.org/{n}", label="", kind="video")
    publishing.recount(publishing.shown_in(talk))
    return talk


def without_version(tables):
    for row in tables["Talk"]:
        del row["updated_at"]
    for row in tables.pop("AuditEvent"):
        assert row["action"] != "talk.edit" or row["details"]["values"]
    return tables


def test_an_imported_talk_that_the_form_would_refuse_is_saved_as_it_is(as_carol):
    talk = imported()
    before = without_version(rows())

    answer = write(as_carol, f"/edit/{talk.id}", status="published")

    assert answer.status_code == 303, Form(answer.text).fields
    assert without_version(rows()) == before


def test_one_field_of_an_imported_talk_changes_alone(as_carol):
    talk = imported()
    before = without_version(rows())

    write(as_carol, f"/edit/{talk.id}", status="published", venue="Lisbon")

    before["Talk"][0]["venue"] = "Lisbon"
    assert without_version(rows()) == before


def test_an_imported_video_is_replaced_only_by_one_that_plays(as_carol):
    talk = imported()

    assert write(as_carol, f"/edit/{talk.id}", video="https://odd.example/other").status_code == 422
    assert write(as_carol, f"/edit/{talk.id}", video=YOUTUBE).status_code == 303
    assert reloaded(talk).video_url == YOUTUBE


line_of = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=12)
lines = st.lists(line_of, min_size=1, max_size=3).map(" ".join)
with_letter = lines.map(lambda text: f"{text}a")


@pytest.mark.slow
@settings(
    deadline=None, max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    texts=st.fixed_dictionaries(
        {"title": lines, "description": st.lists(lines).map("\n\n".join), "venue": lines}
    ),
    event=st.none() | with_letter,
    names=st.lists(with_letter, max_size=3, unique_by=fold),
    tags=st.lists(with_letter, max_size=3, unique_by=fold),
    when=st.none()
    | st.dates(min_value=date(1900, 1, 1))
    | st.datetimes(min_value=datetime(1900, 1, 1)).map(lambda at: at.replace(microsecond=0)),
    duration=st.none() | st.integers(0, 10**6),
    labels=st.lists(lines | st.just(""), max_size=3),
)
def test_saving_an_edit_without_a_change_changes_nothing(
    as_carol, texts, event, names, tags, when, duration, labels
):
    values = texts | {
        "event": event or "", "speakers": names, "tags": [tag.replace(",", "") for tag in tags], "date": when,
        "duration_s": duration, "links": [(f"https://example.org/{n}", "") for n in range(len(labels))],
    }  # fmt: skip
    owner = User.get(User.username == "carol")
    talk = publishing.save(None, values, owner, status="published")
    for link, label in zip(talk.links, labels, strict=True):
        Link.update(label=label).where(Link.id == link.id).execute()
    before = without_version(rows())

    answer = write(as_carol, f"/edit/{talk.id}", status="published")

    assert answer.status_code == 303
    assert without_version(rows()) == before
