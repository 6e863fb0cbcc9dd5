"""What one file of the PyVideo archive says, as values for our columns.

Nothing a record says is lost: `extra` keeps every value that columns and links do not give back literally.
Spellings of tags and speakers are always kept there: a tag or a profile may be renamed or merged later.
"""

import json
import math
import re
from dataclasses import dataclass, field
from datetime import date, datetime

from babel.core import get_global

from models import Event, Link, Tag, Talk, User
from talks import embeds
from talks.links import kind_of
from talks.names import fold_tag

DESCRIPTION_LENGTH = 20_000
LONGEST_TALK_S = 86_400  # beyond a day `duration` is not in seconds; some events have it in milliseconds
MOST = 500  # speakers, tags, videos or links of one talk
# ISO 639-3, in which the archive names languages -> BCP 47, and back.
BCP_47 = {code: short for code, short in get_global("language_aliases").items() if len(code) == 3}
ISO_639_3 = {short: code for code, short in sorted(BCP_47.items(), reverse=True)}
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
RECORDED = re.compile(r"(\d{4}-\d\d-\d\d)([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")  # as JSON writes it
YEAR = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")

NOTHING = type(None)
TYPES = {
    "title": (str,),
    "videos": (list,),
    "speakers": (list, NOTHING),
    "tags": (list, NOTHING),
    "related_urls": (list, NOTHING),
    "description": (str, NOTHING),
    "recorded": (str, NOTHING),
    "language": (str, NOTHING),
    "thumbnail_url": (str, NOTHING),
    "copyright_text": (str, NOTHING),
    "duration": (int, float, NOTHING),
}
CATEGORY_TYPES = {
    "title": (str,),
    "description": (str, NOTHING),
    "url": (str, NOTHING),
    "start_date": (str, NOTHING),
}
WORDS = {str: "text", list: "a list", int: "a number", float: "a number", NOTHING: "null"}


class Unfit(ValueError):
    """A file cannot be imported; says why."""


@dataclass
class Record:
    """A talk. `columns` are values of Talk's, `extra` among them."""

    columns: dict
    speakers: list[str]
    tags: list[str]
    links: list[tuple[str, str, str]]  # kind, address, label
    id: str | None = None
    notes: list[str] = field(default_factory=list)  # what is only in `extra` because it did not fit


def parse(data: bytes):
    """The JSON value in `data`; Unfit for what is no JSON, has a key twice, or no database could hold."""
    try:
        value = json.loads(
            data.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_finite, parse_float=_finite
        )
        written = json.dumps(value, ensure_ascii=False)
        written.encode("utf-8")
    except UnicodeDecodeError as error:
        raise Unfit("not JSON: not UTF-8") from error
    except UnicodeEncodeError as error:
        raise Unfit("holds half a character (an unpaired surrogate)") from error
    except json.JSONDecodeError as error:
        raise Unfit(f"not JSON: {error.msg} in line {error.lineno}") from error
    except RecursionError as error:
        raise Unfit("nested too deeply") from error
    except ValueError as error:  # Unfit among them; Python reads no number of more than 4,300 digits
        raise error if isinstance(error, Unfit) else Unfit("holds a number that is too large") from error
    if NUL.search(written):
        raise Unfit("holds a NUL character")
    return value


def _once(pairs):
    value = dict(pairs)
    if len(value) < len(pairs):
        raise Unfit("has the same key twice")
    return value


def _finite(text):
    number = float(text)
    if not math.isfinite(number):
        raise Unfit(f"not JSON: {text[:20]} is no number")
    return number


def read_talk(data: bytes, peertube_hosts=()) -> Record:
    """The talk in a file; Unfit when it has no title, no video, or a value of a wrong type."""
    raw = parse(data)
    _check(raw, TYPES)
    title = _line(raw["title"])
    videos = raw["videos"]
    if not title:
        raise Unfit("has no title")
    if len(title) > Talk.title.max_length:
        raise Unfit(f"its title is longer than {Talk.title.max_length} characters")
    if not any(_line(_address(video, "videos")) for video in videos):
        raise Unfit("has no video")
    record = Record({"title": title}, _names(raw, "speakers"), _names(raw, "tags"), [])
    if isinstance(raw.get("id"), int | str):
        record.id = str(raw["id"])
    back = _fill(record, raw)
    back |= {"title": title, **_links(record, raw, peertube_hosts)}
    record.columns["extra"] = _left(raw, back)
    _fit_names(record)
    return record


def _check(raw, types):
    if not isinstance(raw, dict):
        raise Unfit("not a JSON object")
    for key, allowed in types.items():
        value = raw.get(key)
        if value is None and NOTHING not in allowed:
            raise Unfit(f"has no {key.removesuffix('s')}")
        if type(value) not in allowed:
            words = " or ".join(dict.fromkeys(WORDS[type_] for type_ in allowed))
            raise Unfit(f"{key} is not {words}")


def _line(text):
    return " ".join(text.split())


def _address(entry, key):
    """The address in an entry of `videos` or `related_urls`; both also come as a bare string."""
    address = entry.get("url") if isinstance(entry, dict) else entry
    if not isinstance(address, str):
        raise Unfit(f"an entry of {key} has no address")
    return address


def _names(raw, key):
    names = raw.get(key) or []
    if not all(isinstance(name, str) for name in names):
        raise Unfit(f"an entry of {key} is not text")
    if len(names) > MOST:
        raise Unfit(f"has more than {MOST} {key}")
    return list(dict.fromkeys(filter(None, map(_line, names))))


def _fit_names(record):
    """Leave out speakers and tags that are too long for a row, or, of tags, have neither letter nor digit."""
    longest = User.name.max_length
    if any(len(name) > longest for name in record.speakers):
        record.notes.append(f"a speaker's name is longer than {longest} characters")
        record.speakers = [name for name in record.speakers if len(name) <= longest]
    longest = Tag.name.max_length
    if any(len(name) > longest for name in record.tags):
        record.notes.append(f"a tag is longer than {longest} characters")
    record.tags = [name for name in record.tags if len(name) <= longest and fold_tag(name)]


def _fill(record, raw):
    """Set the simple columns; returns what they say in the archive's words."""
    columns, notes = record.columns, record.notes
    columns["description"] = _fitting(raw.get("description") or "", DESCRIPTION_LENGTH, "description", notes)
    license_ = _line(raw.get("copyright_text") or "")
    columns["license"] = _fitting(license_, Talk.license.max_length, "copyright_text", notes)
    columns["date"], columns["time_zone"], recorded = _recorded(raw.get("recorded") or "")
    columns["duration_s"] = _seconds(raw.get("duration"))
    columns["language"] = _language(raw.get("language") or "")
    columns["thumbnail_url"] = _web_address(raw.get("thumbnail_url") or "", "thumbnail_url", notes)
    return {
        "description": columns["description"],
        "copyright_text": columns["license"],
        "recorded": recorded,
        "duration": columns["duration_s"],
        "language": ISO_639_3.get(columns["language"], columns["language"]),
        "thumbnail_url": columns["thumbnail_url"],
    }


def _fitting(value, longest, key, notes):
    """`value`, or nothing when it is too long: it is kept whole in `extra` and never cut."""
    if len(value) <= longest:
        return value
    notes.append(f"{key} is longer than {longest:,} characters")
    return ""


def _web_address(text, key, notes):
    if len(text) > embeds.MAX_ADDRESS:
        notes.append(f"an address in {key} is longer than {embeds.MAX_ADDRESS:,} characters")
    return embeds.web_address(text) or ""


def _recorded(text):
    """Date or local time, zone, and the text that both stand for; (None, "", "") when it is no date."""
    found = RECORDED.fullmatch(text.strip())
    try:
        if not found:
            return None, "", ""
        if not found[2]:
            return date.fromisoformat(found[1]), "", found[1]
        moment = datetime.fromisoformat(found[0]).replace(microsecond=0)
    except ValueError:  # such as the 31st of June
        return None, "", ""
    local = moment.replace(tzinfo=None)
    return local, moment.isoformat()[19:], moment.isoformat()


def _seconds(duration):
    """Whole seconds; None for what is no length of a talk."""
    return round(duration) if duration and 0.5 < duration <= LONGEST_TALK_S else None


def _language(code):
    code = BCP_47.get(code.strip().lower(), code.strip())
    return code if LANGUAGE.fullmatch(code) and len(code) <= Talk.language.max_length else ""


def _links(record, raw, peertube_hosts):
    """Set the player's address, the slides and the links; returns what they say in the archive's words."""
    videos, related = raw["videos"], raw.get("related_urls") or []
    if len(videos) + len(related) > MOST:
        raise Unfit(f"has more than {MOST} addresses")
    columns, notes = record.columns, record.notes
    columns |= {"video_url": "", "slides_url": ""}
    back, seen = {"videos": [], "related_urls": []}, set()
    addresses = [_web_address(_address(entry, "videos"), "videos", notes) for entry in videos]
    shown = _best_player(addresses, peertube_hosts)
    for entry, address in zip(videos, addresses, strict=True):
        player = None if columns["video_url"] else embeds.player(address, peertube_hosts, "video")
        if player and player == shown:
            columns["video_url"] = player.page
            seen |= {address, player.page}
            back["videos"].append({"type": _type(player), "url": player.page})
        elif address and address not in seen:
            seen.add(address)
            label = _label(entry, "type", notes)
            record.links.append(("video", address, label))
            back["videos"].append({"type": label, "url": address})
    for entry in related:
        address = _web_address(_address(entry, "related_urls"), "related_urls", notes)
        if not address or address in seen:
            continue
        seen.add(address)
        label = _label(entry, "label", notes)
        record.links.append((kind_of(address), address, label))
        back["related_urls"].append({"label": label, "url": address} if label else address)
        columns["slides_url"] = columns["slides_url"] or _slides(address)
    return back


def _best_player(addresses, peertube_hosts):
    """The first player of a service; else the first file: old files' addresses have often expired."""
    players = [embeds.player(address, peertube_hosts, "video") for address in addresses]
    found = sorted(filter(None, players), key=lambda player: player.kind == "file")
    return found[0] if found else None


def _type(player):
    """The archive's word for where a player is from."""
    return player.mime.removeprefix("video/") or player.provider.lower()


def _label(entry, key, notes):
    label = entry.get(key) if isinstance(entry, dict) else ""
    return _fitting(_line(label), Link.label.max_length, key, notes) if isinstance(label, str) else ""


def _slides(address):
    """What a talk's page shows as its slides, when the address is of a kind we know."""
    try:
        return embeds.recognise(address, "slides").address
    except embeds.Refused:
        return ""


def _left(raw, back):
    """The part of `raw` that `back` does not say. An empty value of a known key says nothing."""
    return {key: value for key, value in raw.items() if not _said(key, value, back)}


def _said(key, value, back):
    if key in TYPES and value in (None, "", []):
        return True
    return key in back and type(back[key]) is type(value) and back[key] == value


def read_category(data: bytes, slug: str):
    """Columns of Event, its `extra` among them, and notes. `slug` is the title of one that is too long."""
    raw = parse(data)
    _check(raw, CATEGORY_TYPES)
    notes = []
    title = _fitting(_line(raw["title"]), Event.title.max_length, "title", notes)
    day, _, recorded = _recorded(raw.get("start_date") or "")
    if isinstance(day, datetime):
        day, recorded = day.date(), ""
    columns = event_columns(title or slug) | {
        "description": _fitting(raw.get("description") or "", DESCRIPTION_LENGTH, "description", notes),
        "url": _web_address(raw.get("url") or "", "url", notes),
        "starts_on": day,
    }
    back = {"title": title, "description": columns["description"], "url": columns["url"]}
    columns["extra"] = _left(raw, back | {"start_date": recorded})
    return columns, notes


def event_columns(title: str) -> dict:
    """The columns of an event of which only the title is known."""
    series = _line(YEAR.sub(" ", title)).strip(" -–—,:'’()") or title
    return {"title": title, "description": "", "url": "", "starts_on": None, "series": series, "extra": {}}
