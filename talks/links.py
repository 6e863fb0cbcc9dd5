"""What kind of thing an address leads to."""

from urllib.parse import urlsplit

HOSTS = {
    "slides": ("speakerdeck.com", "slideshare.net", "slides.com", "noti.st", "docs.google.com"),
    "video": ("youtube.com", "youtu.be", "vimeo.com"),
    "code": ("github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "sr.ht"),
    "paper": ("arxiv.org", "doi.org", "zenodo.org"),
}
ENDINGS = {"slides": (".pdf", ".odp", ".ppt", ".pptx", ".key"), "video": (".mp4", ".webm", ".ogv", ".mkv")}


def kind_of(address: str) -> str:
    """``slides``, ``video``, ``code``, ``paper`` or, for anything else, ``web`` (`models.Link.KINDS`)."""
    part = urlsplit(address)
    host = f".{part.hostname or ''}"
    for kind, names in HOSTS.items():
        if host.endswith(tuple(f".{name}" for name in names)):
            return kind
    for kind, endings in ENDINGS.items():
        if part.path.lower().endswith(endings):
            return kind
    return "web"
