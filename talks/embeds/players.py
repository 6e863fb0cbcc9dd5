"""What an address turns out to be: a player that we build, or a link."""

import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from markupsafe import Markup

# Scripts on the provider's own origin are what every player needs; a link in it ("watch on YouTube") opens a
# tab that our sandbox no longer binds. Forms, dialogs, downloads and leaving our page are allowed to none.
# YouTube plays nothing for a page that hides where it is, hence the referrer policy.
IFRAME = Markup(
    '<iframe src="{src}" title="{title}" loading="lazy" referrerpolicy="strict-origin-when-cross-origin"'
    ' sandbox="allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox"{allow}'
    " allowfullscreen></iframe>"
)
VIDEO = Markup(
    '<video controls preload="none"{start} aria-label="{title}"><source src="{src}" type="{mime}"></video>'
)


@dataclass(frozen=True)
class Player:
    """A player we can build for one address. All its text is ASCII and came through `web_address`."""

    provider: str  # "YouTube"; of a file its host
    shows: str  # "video" or "slides"
    src: str  # what is loaded once somebody asked for it
    page: str  # the same for people, in a tab of its own; this is what is stored
    kind: str = "iframe"  # or "file"
    mime: str = ""  # of a file

    @property
    def origin(self) -> str:
        """Scheme and host of `src`: for frame-src (kind "iframe") or media-src (kind "file")."""
        return "/".join(self.src.split("/", 3)[:3])

    def html(self, title: str, autoplay: bool = False) -> Markup:
        """The element. `autoplay` is for a page where the reader has already clicked on "play"."""
        title = title.strip() or self.provider
        if self.kind == "file":
            start = Markup(" autoplay") if autoplay else ""
            return VIDEO.format(start=start, title=title, src=self.src, mime=self.mime)
        src, allow = self.src, []
        if self.shows == "video":
            allow.append("picture-in-picture")
            if autoplay:
                allow.append("autoplay")
                src, mark, fragment = src.partition("#")
                src += ("&" if "?" in src else "?") + "autoplay=1" + mark + fragment
        allowed = Markup(' allow="{}"').format("; ".join(allow)) if allow else ""
        return IFRAME.format(src=src, title=title, allow=allowed)


@dataclass(frozen=True)
class Link:
    """An address of a known kind that holds no player id."""

    provider: str
    shows: str
    page: str
    hint: str = ""


@dataclass(frozen=True)
class Found:
    """What `recognise` understood: the address to store, and its player or a hint why there is none."""

    address: str
    player: Player | None = None
    hint: str = ""


class Refused(ValueError):
    """What was given is not accepted; the message says so to the person who gave it."""


class Place(NamedTuple):
    """An address taken apart for the providers. `path` has no empty parts."""

    address: str
    scheme: str
    host: str  # with the port, if there is one
    path: tuple[str, ...]
    query: dict[str, str]
    fragment: dict[str, str]

    def seconds(self) -> int:
        """The start time in it: `t=90`, `t=1h2m3s`, `start=90`, `#t=90`. 0: none."""
        given = self.query.get("t") or self.query.get("start") or self.fragment.get("t") or ""
        parts = START.fullmatch(given.lower())
        hours, minutes, seconds = (int(part or 0) for part in parts.groups()) if parts else (0, 0, 0)
        return hours * 3600 + minutes * 60 + seconds


START = re.compile(r"(?:(\d{1,2})h)?(?:(\d{1,4})m)?(?:(\d{1,6})s?)?", re.ASCII)


def place_of(address: str) -> Place:
    parts = urlsplit(address)
    query, fragment = (dict(reversed(parse_qsl(text))) for text in (parts.query, parts.fragment))
    path = tuple(part for part in parts.path.split("/") if part)
    return Place(address, parts.scheme, parts.netloc, path, query, fragment)


def query_text(**values) -> str:
    """Those values that are there as `?a=1&b=2`, or nothing."""
    text = "&".join(f"{name}={value}" for name, value in values.items() if value)
    return f"?{text}" if text else ""
