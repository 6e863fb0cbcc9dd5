"""Importing records in the layout of the PyVideo archive."""

import json
from datetime import date, datetime

import pytest
from archived import RECORD, VIDEO, columns, load, record, write
from conftest import only_sqlite

from models import Alias, Event, Link, Tag, Talk, TalkSpeaker, User
from talks.exchange import pyvideo
from talks.exchange.tars import ArchiveError
from talks.profiles import profile_named, profiles_named


def test_a_record_becomes_a_published_talk(database, tmp_path):
    report = load(tmp_path)

    talk = Talk.get()
    assert (report.added, report.exit_code) == (1, 0)
    assert (talk.title, talk.slug, talk.status, talk.owner) == (
        "Types at work",
        "types-at-work",
        "published",
        None,
    )
    assert (talk.language, talk.duration_s, talk.license) == ("en", 1447, "CC BY 4.0")
    assert (talk.date, talk.time_zone) == (date(2019, 5, 3), "")
    assert talk.published_at and talk.thumbnail_url == RECORD["thumbnail_url"]
    assert "<em>types</em>" in talk.description_html
    assert (talk.imported_from, talk.imported_key) == ("pyvideo", "pycon-2019/types")


def test_addresses_become_players_and_links(database, tmp_path):
    load(tmp_path)

    talk = Talk.get()
    links = Link.select(Link.kind, Link.url, Link.label).order_by(Link.id).tuples()
    assert talk.video_url == VIDEO["url"]
    assert talk.slides_url == "https://example.org/types.pdf"
    assert list(links) == [
        ("video", "http://example.org/types.mp4", "mp4"),
        ("slides", "https://example.org/types.pdf", "slides"),
        ("code", "https://github.com/ada/types", ""),
    ]


def test_the_first_video_with_a_player_is_the_talks(database, tmp_path):
    other = {"type": "ogv", "url": "https://example.org/types.ogv"}
    load(tmp_path, {"types": record(videos=[other, VIDEO])})

    assert Talk.get().video_url == VIDEO["url"]
    assert [link.url for link in Link.select().where(Link.kind == "video")] == [other["url"]]


def test_a_service_that_plays_comes_before_a_file(database, tmp_path):
    file = {"type": "mp4", "url": "https://example.org/types.mp4?Expires=1370000000"}
    load(tmp_path, {"types": record(videos=[file, VIDEO])})

    assert Talk.get().video_url == VIDEO["url"]
    assert [link.url for link in Link.select().where(Link.kind == "video")] == [file["url"]]


def test_a_peertube_address_plays_where_its_host_is_known(database, tmp_path):
    address = "https://tube.example.org/w/9c9de5e8-0a1e-484a-b099-e80766180a6d"
    write(tmp_path, {"types": record(videos=[{"type": "peertube", "url": address}])})

    pyvideo.run(tmp_path, peertube_hosts=("tube.example.org",))

    assert Talk.get().video_url and not Link.select().where(Link.kind == "video").exists()


@only_sqlite
@pytest.mark.parametrize(
    "address", ["/slides/x.pdf", "javascript:alert(1)", "ftp://example.org/x", "x" * 3000, ""]
)
def test_what_is_no_web_address_becomes_no_link_and_is_kept(database, tmp_path, address):
    load(tmp_path, {"types": record(related_urls=[address], thumbnail_url=address)})

    talk = Talk.get()
    assert not Link.select().where(Link.kind != "video").exists() and not talk.thumbnail_url
    assert not address or talk.extra["related_urls"] == [address]


def test_speakers_become_profiles_that_nobody_has_claimed(database, tmp_path):
    load(tmp_path)

    spoken = TalkSpeaker.select().order_by(TalkSpeaker.position)
    assert [(row.user.username, row.user.name) for row in spoken] == [
        ("ada-lovelace", "Ada Lovelace"),
        ("bob-o-briain", "Bob Ó Briain"),
    ]
    assert all(user.is_speaker and not user.is_claimed and user.talk_count == 1 for user in User.select())


def test_an_event_is_read_from_its_category(database, tmp_path):
    category = {"title": "PyCon US 2019", "description": "In Ohio.", "url": "https://us.pycon.org/2019/"}
    load(tmp_path, {"a": record(recorded="2019-05-05T10:00:00"), "b": RECORD}, category=category)

    event = Event.get()
    assert (event.slug, event.title, event.series) == ("pycon-2019", "PyCon US 2019", "PyCon US")
    assert (event.description, event.url) == ("In Ohio.", "https://us.pycon.org/2019/")
    assert (event.starts_on, event.ends_on) == (date(2019, 5, 3), date(2019, 5, 5))
    assert event.talk_count == 2


def test_an_event_begins_when_its_category_says(database, tmp_path):
    load(tmp_path, category={"title": "PyCon", "start_date": "2019-05-01", "hashtag": "#pycon"})

    assert Event.get().starts_on == date(2019, 5, 1)
    assert Event.get().extra == {"hashtag": "#pycon"}


def test_a_broken_category_is_reported_and_the_talks_are_imported(database, tmp_path):
    write(tmp_path, {"types": RECORD})
    (tmp_path / "pycon-2019/category.json").write_text("{")

    report = pyvideo.run(tmp_path)

    assert [file for file, _ in report.skipped] == ["pycon-2019/category.json"]
    assert (Event.get().title, Talk.select().count()) == ("pycon-2019", 1)


def test_a_category_that_breaks_later_changes_nothing(database, tmp_path):
    load(tmp_path)
    (tmp_path / "pycon-2019/category.json").write_text("{")

    pyvideo.run(tmp_path)

    assert Event.get().title == "PyCon 2019"


@pytest.mark.parametrize(
    ("recorded", "day", "zone"),
    [
        ("2017-09-22", date(2017, 9, 22), ""),
        ("2017-09-22T15:00:00", datetime(2017, 9, 22, 15), ""),
        ("2017-09-22T15:00:00+02:00", datetime(2017, 9, 22, 15), "+02:00"),
        ("2017-09-22 15:00Z", datetime(2017, 9, 22, 15), "+00:00"),
        ("", None, ""),
        (None, None, ""),
        ("2017-02-30", None, ""),
        ("last spring", None, ""),
        ("0000-01-01", None, ""),
    ],
)
def test_recorded_is_read_as_local_time(recorded, day, zone):
    found = columns(recorded=recorded)

    assert (found["date"], found["time_zone"]) == (day, zone)


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [(1447, 1447), (1447.6, 1448), (None, None), (0, None), (-5, None), (1810200, None), (10**30, None)],
)
def test_duration_is_whole_seconds_of_at_most_a_day(duration, seconds):
    assert columns(duration=duration)["duration_s"] == seconds


@pytest.mark.parametrize(
    ("code", "language"),
    [("eng", "en"), ("zho", "zh"), ("pt-BR", "pt-BR"), ("English", ""), (None, ""), ("", "")],
)
def test_languages_are_named_as_in_bcp_47(code, language):
    assert columns(language=code)["language"] == language


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"recorded": "last spring"}, {"recorded": "last spring"}),
        ({"duration": 1447.6}, {"duration": 1447.6}),
        ({"duration": 1447.0}, {"duration": 1447.0}),
        ({"language": "en"}, {"language": "en"}),
        ({"title": " Types  at work"}, {"title": " Types  at work"}),
        ({"title2": "x", ",duration": 3}, {"title2": "x", ",duration": 3}),
        ({"quality_notes": None, "summary": ""}, {"quality_notes": None, "summary": ""}),
        ({"thumbnail_url": "//x"}, {"thumbnail_url": "//x"}),
        ({"videos": [VIDEO, VIDEO]}, {"videos": [VIDEO, VIDEO]}),
        ({"videos": [VIDEO | {"length": 9}]}, {"videos": [VIDEO | {"length": 9}]}),
        ({"related_urls": [{"url": "https://a.example/"}]}, {"related_urls": [{"url": "https://a.example/"}]}),
        ({"description": "x" * 20_001}, {"description": "x" * 20_001}),
    ],
    ids=repr,
)  # fmt: skip
def test_what_columns_do_not_give_back_is_kept(changes, kept):
    extra = columns(**({"videos": [VIDEO]} | changes))["extra"]

    assert extra == kept | {"speakers": RECORD["speakers"], "tags": RECORD["tags"]}


def test_values_too_long_for_a_column_are_noted_and_not_cut(database, tmp_path):
    long = record(
        speakers=["x" * 129, "Ada"], tags=["y" * 129], description="z" * 20_001, copyright_text="c" * 256
    )
    report = load(tmp_path, {"types": long})

    talk = Talk.get()
    assert (talk.description, talk.license, User.get().name) == ("", "", "Ada")
    assert talk.extra["speakers"] == long["speakers"] and talk.extra["description"] == long["description"]
    assert len(report.notes) == 4 and report.exit_code == 0


def test_the_longest_values_fit(database, tmp_path):
    label, address = "l" * 255, "https://example.org/".ljust(2000, "a")
    long = record(
        title="t" * 255, speakers=["s" * 128], tags=["g" * 128], description="d" * 20_000,
        related_urls=[{"label": label, "url": address}],
    )  # fmt: skip
    report = load(tmp_path, {"types": long})

    assert not report.notes and Link.get(Link.url == address).label == label


def test_four_byte_characters_pass(database, tmp_path):
    load(tmp_path, {"types": record(title="🐍 𝒳", speakers=["🐍"], tags=["🐍", "𝒳"])})

    assert (Talk.get().title, User.get().name, User.get().username) == ("🐍 𝒳", "🐍", "speaker-1")
    assert [tag.name for tag in Tag.select()] == ["𝒳"]


# What is skipped


BROKEN = {
    "not JSON": b"{",
    "not an object": b"[1]",
    "empty": b"",
    "not UTF-8": b'{"title": "\xff"}',
    "no title": record(title=None),
    "a blank title": record(title=" "),
    "a long title": record(title="x" * 256),
    "a title of another type": record(title=7),
    "no videos": record(videos=[]),
    "videos of another type": record(videos="x"),
    "a video without address": record(videos=[{"type": "youtube"}]),
    "a video with an empty address": record(videos=[{"url": " "}]),
    "speakers of another type": record(speakers="Ada"),
    "a speaker of another type": record(speakers=[None]),
    "a tag of another type": record(tags=[{}]),
    "a duration of another type": record(duration="30 min"),
    "a duration that is true": record(duration=True),
    "a related address of another type": record(related_urls=[3]),
    "NaN": json.dumps(record(duration=float("nan"))).encode(),
    "a number beyond all bounds": b'{"title": "x", "duration": 1e999}',
    "a huge integer": b'{"title": "x", "id": ' + b"9" * 5000 + b"}",
    "a key twice": b'{"title": "x", "title": "y"}',
    "nested deeply": b"[" * 100_000,
    "NUL": record(title="a\0b"),
    "half a character": b'{"title": "\\ud800"}',
    "too many speakers": record(speakers=[str(number) for number in range(501)]),
    "too many addresses": record(related_urls=["https://example.org"] * 501),
}  # fmt: skip


@only_sqlite
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_record_is_skipped_and_reported(database, tmp_path, broken):
    report = load(tmp_path, {"a": RECORD, "broken": broken, "z": RECORD})

    assert [file for file, _ in report.skipped] == ["pycon-2019/videos/broken.json"]
    assert (report.added, Talk.select().count(), report.exit_code) == (2, 2, 1)
    assert all(reason and "\n" not in reason for _, reason in report.skipped)


def test_a_byte_order_mark_and_a_written_backslash_u0000_are_no_damage(database, tmp_path):
    data = b"\xef\xbb\xbf" + json.dumps(record(title="What \\u0000 is")).encode()

    assert load(tmp_path, {"types": data}).added == 1


@pytest.mark.parametrize("listed", [3556, "3556"])
def test_records_listed_as_unpublished_are_not_imported(database, tmp_path, listed):
    (tmp_path / "NO_PUBLISH.json").write_text(json.dumps([listed]))
    report = load(tmp_path, {"listed": record(id=3556), "other": record(id=1)})

    assert [talk.imported_key for talk in Talk.select()] == ["pycon-2019/other"]
    assert (report.withheld, report.exit_code) == (["pycon-2019/videos/listed.json"], 0)


def test_a_record_listed_later_is_pointed_out_and_not_touched(database, tmp_path):
    load(tmp_path, {"types": record(id=5)})
    (tmp_path / "NO_PUBLISH.json").write_text("[5]")

    report = load(tmp_path, {"types": record(id=5, title="New")})

    assert Talk.get().title == RECORD["title"]
    assert "still published" in report.notes[0][1]


@only_sqlite
@pytest.mark.parametrize("data", ["{", "{}", "[[1]]", "3"])
def test_a_broken_list_of_unpublished_records_stops_everything(database, tmp_path, data):
    (tmp_path / "NO_PUBLISH.json").write_text(data)

    with pytest.raises(ArchiveError, match="NO_PUBLISH"):
        load(tmp_path)
    assert not Talk.select().exists()


def test_an_archive_without_talks_is_refused(database, tmp_path):
    with pytest.raises(ArchiveError, match="holds no"):
        pyvideo.run(tmp_path)


def test_folders_with_the_same_address_are_reported(database, tmp_path):
    write(tmp_path, {"x": RECORD}, event="py con")
    report = load(tmp_path, {"y": RECORD}, event="py-con")

    assert Event.select().count() == 1
    assert report.skipped == [("py-con", "its address would be that of py con")]


# Spellings


def test_spellings_that_fold_alike_are_one_profile(database, tmp_path):
    names = ["Łukasz Langa", "Lukasz Langa", "LUKASZ  LANGA", "łukasz-langa"]
    load(tmp_path, {str(at): record(speakers=[name]) for at, name in enumerate(names)})

    assert (User.get().name, User.get().username, User.get().talk_count) == (names[0], "lukasz-langa", 4)
    assert [alias.name for alias in Alias.select()] == [names[0], names[1], "LUKASZ LANGA", names[3]]


def test_one_profile_named_twice_speaks_once(database, tmp_path):
    load(tmp_path, {"types": record(speakers=["Ada", "ada", "Bob"])})

    assert [row.user.name for row in TalkSpeaker.select()] == ["Ada", "Bob"]


def test_names_in_other_scripts_have_numbered_usernames(database):
    users = profiles_named(["박현우", "Ада", "홍민희"])

    assert [user.username for user in users.values()] == ["speaker-1", "speaker-2", "speaker-3"]
    assert profile_named("김동문").username == "speaker-4"


def test_different_names_with_one_ascii_fold_have_different_usernames(database, ada):
    users = profiles_named(["Ada", "A Da", "A-da 박", "Ä da 홍"])

    assert [user.username for user in users.values()] == ["ada-2", "ada-2", "a-da", "a-da-2"]
    assert User.select().where(User.username == "ada").get().email


def test_an_account_of_that_name_is_somebody_else(database, ada):
    assert profile_named(ada.name) != ada


def test_names_of_signs_only_are_different_people(database):
    assert profile_named("???") == profile_named("???") != profile_named("!!!")


@only_sqlite
@pytest.mark.parametrize("name", ["", " ", "x" * 129])
def test_a_name_that_is_none_is_refused(database, name):
    with pytest.raises(ValueError, match="128"):
        profile_named(name)


def test_tags_that_differ_only_in_spelling_are_one(database, tmp_path):
    load(
        tmp_path,
        {"a": record(tags=["Machine Learning", "C++"]), "b": record(tags=["machine-learning", "C", "c"])},
    )

    counts = Tag.select(Tag.name, Tag.talk_count).order_by(Tag.key).tuples()
    assert list(counts) == [("C", 1), ("C++", 1), ("Machine Learning", 2)]
    assert len({tag.slug for tag in Tag.select()}) == 3


def test_imported_tags_are_those_that_people_name(database, tmp_path):
    named = Tag.named("machine learning")
    load(tmp_path)

    assert Tag.get(Tag.key == "machinelearning") == named


# Again
