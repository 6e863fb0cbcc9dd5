"""The providers: a function each from a Place on one of their hosts to a Player, a Link, or None.

Every id is matched whole against what the provider issues, and the player's address is built from ids alone.
Nothing is fetched: an address that holds no player id (a deck's page on Speaker Deck) becomes a Link.
"""

import re
from functools import lru_cache

from talks.embeds.addresses import web_address
from talks.embeds.players import Link, Place, Player, place_of, query_text

YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
YOUTUBE_NOT_IDS = frozenset(("videoseries", "live_stream"))  # eleven letters too, but no video's id
VIMEO_ID = re.compile(r"[0-9]{1,12}")
VIMEO_KEY = re.compile(r"[A-Za-z0-9]{4,40}")
PEERTUBE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
PEERTUBE_SHORT = re.compile(r"[1-9A-HJ-NP-Za-km-z]{20,24}")
ARCHIVE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
ARCHIVE_FILES = (".mp4", ".webm", ".ogv", ".mkv")
SPEAKERDECK_ID = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
SLIDESHARE_HOST = re.compile(r"(?:(?:www|[a-z]{2})\.)?slideshare\.net")
SLIDESHARE_KEY = re.compile(r"[A-Za-z0-9]{6,32}")
NUMERIC_ID = re.compile(r"[0-9]{1,12}")
GOOGLE_ID = re.compile(r"[A-Za-z0-9_-]{20,120}")
GOOGLE_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
FILE_HOST = re.compile(r"(?:[a-z0-9_-]+\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})(?::[0-9]+)?")
FILE_TYPES = {".mp4": "video/mp4", ".webm": "video/webm"}
PASTE = "{} plays slides here only from their embed code: without it they are shown as a link."


def _youtube(place: Place) -> Player | None:
    match place.path:
        case (video,) if place.host == "youtu.be":
            pass
        case ("watch",):
            video = place.query.get("v", "")
        case ("embed" | "shorts" | "live" | "v" | "e" | "watch", video):
            pass
        case _:
            return None
    if not YOUTUBE_ID.fullmatch(video) or video in YOUTUBE_NOT_IDS:
        return None
    start = place.seconds()
    src = f"https://www.youtube-nocookie.com/embed/{video}{query_text(start=start)}"
    page = f"https://www.youtube.com/watch?v={video}" + (f"&t={start}s" if start else "")
    return Player("YouTube", "video", src, page)


def _vimeo(place: Place) -> Player | None:
    key = place.query.get("h", "")
    match place.path:
        case ("video", video) if place.host == "player.vimeo.com":
            pass
        case (video,) | ("channels", _, video):
            pass
        case ("groups" | "album" | "showcase", _, "videos" | "video", video):
            pass
        case (video, key):
            pass
        case _:
            return None
    if not VIMEO_ID.fullmatch(video) or (key and not VIMEO_KEY.fullmatch(key)):
        return None
    start = f"#t={seconds}s" if (seconds := place.seconds()) else ""
    src = f"https://player.vimeo.com/video/{video}{query_text(h=key, dnt=1)}"
    page = f"https://vimeo.com/{video}" + (f"/{key}" if key else "")
    return Player("Vimeo", "video", src + start, page + start)


def _peertube(place: Place) -> Player | None:
    match place.path:
        case ("w", video) | ("videos", "watch" | "embed", video):
            pass
        case _:
            return None
    if PEERTUBE_ID.fullmatch(video):
        video, watch = video.lower(), "videos/watch"
    elif PEERTUBE_SHORT.fullmatch(video):
        watch = "w"
    else:
        return None
    start = query_text(start=place.seconds())
    src = f"https://{place.host}/videos/embed/{video}{start}"
    return Player("PeerTube", "video", src, f"https://{place.host}/{watch}/{video}{start}")


def _archive(place: Place) -> Player | None:
    match place.path:
        case ("details" | "embed", item, *file):
            pass
        case ("download", item, *file) if file and file[-1].lower().endswith(ARCHIVE_FILES):
            pass
        case _:
            return None
    item = item.partition("&")[0]  # its own embed codes end in "&playlist=1", without a question mark
    if not ARCHIVE_ID.fullmatch(item) or len(file) > 5 or any(_climbs(part) for part in file):
        return None
    if file and file[-1].lower().endswith(".pdf"):
        return None
    where = "/".join((item, *file)) + query_text(start=place.seconds())
    src = f"https://archive.org/embed/{where}"
    return Player("archive.org", "video", src, f"https://archive.org/details/{where}")


def _climbs(part: str) -> bool:
    return part.lower().replace("%2e", ".") in (".", "..")


def _speakerdeck(place: Place) -> Player | Link | None:
    match place.path:
        case ("player" | "embed", deck) if SPEAKERDECK_ID.fullmatch(deck):
            src = f"https://speakerdeck.com/player/{deck.lower()}"
            return Player("Speaker Deck", "slides", src, src)
        case ("player" | "embed" | "assets", *_):
            return None
        case (_, _, *_):
            return Link("Speaker Deck", "slides", place.address, PASTE.format("Speaker Deck"))
    return None


def _slideshare(place: Place) -> Player | Link | None:
    www = "https://www.slideshare.net/slideshow"
    match place.path:
        case ("slideshow", "embed_code", "key", key) if SLIDESHARE_KEY.fullmatch(key):
            src = page = f"{www}/embed_code/key/{key}"
        case ("slideshow", "embed_code", deck) if NUMERIC_ID.fullmatch(deck):
            src = page = f"{www}/embed_code/{deck}"
        case ("slideshow", name, deck) if NUMERIC_ID.fullmatch(deck) and name != "embed_code":
            src, page = f"{www}/embed_code/{deck}", f"{www}/{name}/{deck}"
        case ("slideshow", "embed_code", *_):
            return None
        case (_, _, *_):
            return Link("SlideShare", "slides", place.address, PASTE.format("SlideShare"))
        case _:
            return None
    return Player("SlideShare", "slides", src, page)


def _google(place: Place) -> Player | None:
    match place.path:
        case ("presentation", "d", "e", deck, *_):
            published = True
        case ("presentation", "d", deck, *_) | ("presentation", "u", _, "d", deck, *_):
            published = False
        case ("a", _, "presentation", "d", deck, *_):
            published = False
        case _:
            return None
    key = place.query.get("resourcekey", "")
    if not GOOGLE_ID.fullmatch(deck) or (key and not GOOGLE_KEY.fullmatch(key)):
        return None
    base, key = "https://docs.google.com/presentation/d", query_text(resourcekey=key)
    if published:
        src, page = f"{base}/e/{deck}/embed{key}", f"{base}/e/{deck}/pub{key}"
    else:
        src, page = f"{base}/{deck}/embed{key}", f"{base}/{deck}/edit{key}"
    return Player("Google Slides", "slides", src, page)


def _notist(place: Place) -> Player | None:
    match place.path:
        case (person, deck) | (person, deck, _) if NAME.fullmatch(person) and NAME.fullmatch(deck):
            page = f"https://noti.st/{person}/{deck}"
            return Player("Notist", "slides", f"{page}/embed", page)
    return None


def _video_file(place: Place) -> Player | None:
    """A file on any other host, of the two types that every browser plays."""
    name = place.path[-1].lower() if place.path else ""
    mime = FILE_TYPES.get(name[name.rfind(".") :])
    if mime and place.scheme == "https" and FILE_HOST.fullmatch(place.host):
        return Player(place.host, "video", place.address, place.address, "file", mime)
    return None


def _pdf(place: Place) -> Link | None:
    if place.path and place.path[-1].lower().endswith(".pdf"):
        return Link(".pdf file", "slides", place.address)
    return None


HOSTS = {
    **dict.fromkeys(
        ("youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "youtu.be"), _youtube
    ),
    **dict.fromkeys(("youtube-nocookie.com", "www.youtube-nocookie.com"), _youtube),
    **dict.fromkeys(("vimeo.com", "www.vimeo.com", "player.vimeo.com"), _vimeo),
    **dict.fromkeys(("archive.org", "www.archive.org"), _archive),
    **dict.fromkeys(("speakerdeck.com", "www.speakerdeck.com"), _speakerdeck),
    **dict.fromkeys(("noti.st", "www.noti.st"), _notist),
    "docs.google.com": _google,
}
NAMES = {
    "video": ("YouTube", "Vimeo", "PeerTube", "archive.org", ".mp4 or .webm file (https)"),
    "slides": ("Speaker Deck", "SlideShare", "Google Slides", "Notist", ".pdf file"),
}
FRAMES = (
    "https://www.youtube-nocookie.com",
    "https://player.vimeo.com",
    "https://archive.org",
    "https://speakerdeck.com",
    "https://www.slideshare.net",
    "https://docs.google.com",
    "https://noti.st",
)


def providers(kind: str, peertube_hosts=()) -> tuple[str, ...]:
    """What is accepted for "video" or "slides", as names for a hint beside a field."""
    hosts = ", ".join(sorted(_peertube_places(peertube_hosts)))
    named = (f"PeerTube ({hosts})" if name == "PeerTube" else name for name in NAMES[kind])
    return tuple(name for name in named if name != "PeerTube ()")


def frame_hosts(peertube_hosts=()) -> tuple[str, ...]:
    """Every origin a player of kind "iframe" may come from."""
    return (*FRAMES, *(f"https://{host}" for host in sorted(_peertube_places(peertube_hosts))))


def _peertube_places(hosts) -> frozenset[str]:
    return _cleaned_places(tuple(hosts))


@lru_cache(maxsize=8)
def _cleaned_places(hosts: tuple) -> frozenset[str]:
    """The hosts of the setting as they stand in an address; what is not a host is left out."""
    found = (web_address(f"https://{host}") for host in hosts)
    return frozenset(host for address in found if address and FILE_HOST.fullmatch(host := address[8:]))


def match(address: str, peertube_hosts) -> Player | Link | None:
    """What a cleaned address holds, if it holds anything we know."""
    place = place_of(address)
    provider = HOSTS.get(place.host) or (
        _slideshare if SLIDESHARE_HOST.fullmatch(place.host) else _video_file
    )
    if provider is _video_file and peertube_hosts and place.host in _peertube_places(peertube_hosts):
        provider = _peertube
    return provider(place) or _pdf(place)


def player(address: str, peertube_hosts=(), kind: str | None = None) -> Player | None:
    """The player for a stored address, or None: then it is a link at most (`web_address` decides).

    With `kind` ("video" or "slides") a player of the other kind is None too.
    """
    clean = web_address(address)
    found = match(clean, peertube_hosts) if clean else None
    return found if isinstance(found, Player) and kind in (None, found.shows) else None
