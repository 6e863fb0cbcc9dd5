"""The bundled talks: well-formed, varied, true to the archive, and described in our own words.

The tests marked `archive` compare with the PyVideo archive named by TALKS_ARCHIVE: a folder, or a tar file in
any compression that tarfile can stream.
"""

import json
import os
import re
import tarfile
from pathlib import Path

import pytest

SAMPLE = Path(__file__).resolve().parent.parent / "talks" / "sample"
TALKS = sorted(SAMPLE.glob("*/videos/*.json"))
EVENTS = sorted(SAMPLE.glob("*/category.json"))
ARCHIVE = os.environ.get("TALKS_ARCHIVE", "")
PROSE = {"description", "summary", "abstract"}  # somebody's text, not facts
SHARED_WORDS = 8  # a run this long counts as copied
SLIDES = re.compile(r"speakerdeck\.com/|slideshare\.net/|docs\.google\.com/presentation|noti\.st/|\.pdf$")
# Where a conference collected the slides of all its talks, and no deck of one talk.
COLLECTIONS = {"https://speakerdeck.com/pycon2016"}

needs_archive = pytest.mark.skipif(not ARCHIVE, reason="TALKS_ARCHIVE is not set")


def name(path):
    """The place of a file within the sample, which is its place in the archive: "EVENT/videos/TALK.json"."""
    return path.relative_to(SAMPLE).as_posix()


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def related(talk):
    """The related addresses of a record, which are strings or {"label", "url"}."""
    links = talk.get("related_urls") or []
    return [link if isinstance(link, str) else link["url"] for link in links]


def addresses(record):
    videos = [video["url"] for video in record.get("videos", [])]
    single = [record[key] for key in ("thumbnail_url", "url") if record.get(key)]
    return [*videos, *single, *related(record)]


def facts(record):
    return {key: value for key, value in record.items() if key not in PROSE}


def words(text):
    return re.findall(r"[\w']+", (text or "").lower())


def runs(text):
    """Every run of SHARED_WORDS consecutive words, without regard to case and punctuation."""
    found = words(text)
    return {tuple(found[i : i + SHARED_WORDS]) for i in range(len(found) - SHARED_WORDS + 1)}


@pytest.fixture(scope="module")
def talks():
    return [read(path) for path in TALKS]


@pytest.fixture(scope="module")
def archive():
    """The archive's records for the files of the sample: {"EVENT/videos/TALK.json": {…}}."""
    wanted = {name(path) for path in [*TALKS, *EVENTS]}
    source = Path(ARCHIVE)
    if source.is_dir():
        return {key: read(source / key) for key in wanted if (source / key).is_file()}
    found = {}
    with tarfile.open(source, "r|*") as tar:
        for member in tar:
            key = member.name.removeprefix("./")
            if key in wanted and member.isfile():
                found[key] = json.loads(tar.extractfile(member).read())
    return found


def test_there_are_at_least_115_talks():
    assert len(TALKS) >= 115


def test_there_are_at_least_8_events():
    assert len({path.parent.parent for path in TALKS}) >= 8


def test_events_and_talks_belong_together():
    assert {path.parent for path in EVENTS} == {path.parent.parent for path in TALKS}


def test_the_folder_holds_talks_comments_entries_and_a_readme_only():
    others = {path for path in SAMPLE.rglob("*") if path.is_file()} - {*TALKS, *EVENTS}

    assert others == {SAMPLE / name for name in ("README.md", "comments.json", "entries.json")}


def test_the_readme_counts_right():
    assert f"{len(TALKS)} real talks from {len(EVENTS)} events" in (SAMPLE / "README.md").read_text()


def test_talks_span_at_least_10_years(talks):
    assert len({talk["recorded"][:4] for talk in talks if talk["recorded"]}) >= 10


def test_one_talk_has_no_date(talks):
    assert any(not talk["recorded"] for talk in talks)


def test_some_dates_carry_a_time(talks):
    assert any("T" in (talk["recorded"] or "") for talk in talks)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_there_are_talks_by_so_many_speakers(talks, count):
    assert any(len(talk["speakers"]) == count for talk in talks)


def test_one_talk_has_many_speakers(talks):
    assert max(len(talk["speakers"]) for talk in talks) >= 10


def test_at_least_15_talks_have_their_own_slides(talks):
    decks = [[url for url in related(talk) if SLIDES.search(url)] for talk in talks]

    assert len([deck for deck in decks if set(deck) - COLLECTIONS]) >= 15


def test_several_talks_have_more_than_one_video(talks):
    assert len([talk for talk in talks if len(talk["videos"]) > 1]) >= 5


@pytest.mark.parametrize("language", ["eng", "fra", "spa", "jpn", "kor", "rus", "ita", "por"])
def test_there_are_talks_in(talks, language):
    assert any(talk["language"] == language for talk in talks)


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_some_durations_are(talks, known):
    assert any(bool(talk.get("duration")) is known for talk in talks)


def test_one_title_is_very_long(talks):
    assert max(len(talk["title"]) for talk in talks) > 150


@pytest.mark.parametrize("path", TALKS, ids=name)
def test_a_talk_has_a_title_and_a_video(path):
    talk = read(path)

    assert talk["title"].strip()
    assert talk["videos"]


@pytest.mark.parametrize("path", EVENTS, ids=name)
def test_an_event_has_a_title(path):
    assert read(path)["title"].strip()


@pytest.mark.parametrize("path", [*TALKS, *EVENTS], ids=name)
def test_addresses_are_web_addresses(path):
    others = [url for url in addresses(read(path)) if not re.match(r"https?://[^/\s]+", url)]

    assert not others


@pytest.mark.parametrize("path", TALKS, ids=name)
def test_a_description_is_neither_a_stub_nor_an_essay(path):
    assert 20 <= len(words(read(path)["description"])) <= 120


def test_no_description_is_used_twice(talks):
    assert len({talk["description"] for talk in talks}) == len(talks)


@pytest.mark.parametrize("path", [*TALKS, *EVENTS], ids=name)
def test_a_file_is_written_the_one_way(path):
    written = json.dumps(read(path), ensure_ascii=False, indent=2, sort_keys=True) + "\n"

    assert path.read_text(encoding="utf-8") == written


@pytest.mark.archive
@needs_archive
@pytest.mark.parametrize("path", [*TALKS, *EVENTS], ids=name)
def test_facts_are_those_of_the_archive(path, archive):
    assert facts(read(path)) == facts(archive[name(path)])


@pytest.mark.archive
@needs_archive
@pytest.mark.parametrize("path", [*TALKS, *EVENTS], ids=name)
def test_no_prose_of_the_archive_is_repeated(path, archive):
    ours, theirs = read(path), archive[name(path)]

    shared = [runs(ours.get(mine)) & runs(theirs.get(key)) for mine in PROSE for key in PROSE]

    assert not any(shared)
