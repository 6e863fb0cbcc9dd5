"""How values are said in English: dates, durations, languages, counts. The templates' filters."""

import re
from datetime import date, datetime, timedelta, timezone
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError

ENGLISH = Locale("en").languages
ZONES = available_timezones()


def civil_date(value: date | datetime | None) -> str:
    """``3 May 2019``, or ``3 May 2019, 15:00`` where the time is known; empty for None."""
    if value is None:
        return ""
    day = f"{value.day} {value:%B %Y}"
    return f"{day}, {value:%H:%M}" if isinstance(value, datetime) else day


def civil_iso(value: date | datetime | None, time_zone: str = "") -> str:
    """For the ``datetime`` attribute of <time>: with the offset where time and zone are known."""
    if isinstance(value, datetime) and time_zone:
        value = value.replace(tzinfo=read_zone(time_zone))
    return value.isoformat() if value else ""


def read_zone(name: str):
    """The tzinfo of an IANA name or an offset of at most 14 hours like ``+02:00``; None for anything else."""
    if name in ZONES:
        return ZoneInfo(name)
    if not re.fullmatch(r"[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00", name, re.ASCII):
        return None
    hours, minutes = int(name[1:3]), int(name[4:])
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if name[0] == "-" else 1))


def duration(seconds: int | None) -> str:
    """``31:20`` or ``1:02:05``; empty for None."""
    if seconds is None:
        return ""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def read_duration(text: str) -> int | None:
    """Seconds of ``1:02:05``, ``31:20`` or ``45`` (minutes). Raises ValueError; None for empty text."""
    text = text.strip().removesuffix("min").strip()
    if not text:
        return None
    parts = text.split(":")
    if len(parts) > 3 or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
        raise ValueError("Write a duration as 1:02:05, 31:20, or 45 for minutes.")
    numbers = [int(part) for part in parts] + ([0] if len(parts) == 1 else [])
    seconds = 0
    for value in numbers:
        seconds = seconds * 60 + value
    if seconds >= 7 * 24 * 3600:
        raise ValueError("A talk takes less than a week. Write its duration as 1:02:05, 31:20, or 45.")
    return seconds


def duration_iso(seconds: int | None) -> str:
    """ISO 8601: ``PT1H2M5S``; empty for None."""
    if seconds is None:
        return ""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"PT{hours}H{minutes}M{seconds}S"


def language_name(code: str) -> str:
    """The English name of a BCP 47 language; the code itself where there is none."""
    if code in ENGLISH:
        return ENGLISH[code]
    try:
        return Locale.parse(code, sep="-").get_display_name("en") or code
    except (UnknownLocaleError, ValueError):
        return code


def language_choices() -> list[tuple[str, str]]:
    """(code, English name) of the languages with a two-letter code, by name."""
    named = [(code, name) for code, name in ENGLISH.items() if len(code) == 2]
    return sorted(named, key=lambda pair: pair[1])


def count(number: int, noun: str) -> str:
    """``1 talk``, ``1,204 talks``, ``2 entries``."""
    if number != 1:
        noun = f"{noun[:-1]}ies" if noun.endswith("ry") else f"{noun}s"
    return f"{number:,} {noun}"


def host(address: str) -> str:
    """The host of an address, without ``www.``: what a link says about where it leads."""
    return (urlsplit(address).hostname or "").removeprefix("www.")


def mailto(address: str) -> str:
    """Where a link leads that writes to `address` and to nobody else: in it "?bcc=" is letters (RFC 6068)."""
    return f"mailto:{quote(address, safe='@')}"


FILTERS = (civil_date, civil_iso, duration, duration_iso, language_name, count, host, mailto)
