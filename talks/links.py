"""What kind of thing an address leads to."""

from urllib.parse import urlsplit

from talks.embeds.providers import match

# What the players do not know. A paper or a project's file stays one when it is a .pdf, so these come first.
HOSTS = {
    "slides": ("slides.com",),
    "code": ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "sr.ht"),
    "paper": ("arxiv.org", "doi.org", "zenodo.org"),
}
ENDINGS = {"slides": (".odp", ".ppt", ".pptx", ".key"), "video": (".mp4", ".webm", ".ogv", ".mkv")}


def kind_of(address: str) -> str:
    """``slides``, ``video``, ``code``, ``paper`` or, for anything else, ``web``."""
    part = urlsplit(address)
    host = f".{part.hostname or ''}"
    for kind, names in HOSTS.items():
        if host.endswith(tuple(f".{name}" for name in names)):
            return kind
    if found := match(address, ()):
        return found.shows
    for kind, endings in ENDINGS.items():
        if part.path.lower().endswith(endings):
            return kind
    return "web"
