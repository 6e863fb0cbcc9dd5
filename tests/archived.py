"""Records in the layout of the PyVideo archive, for tests to write and import."""

import json

from models import TABLES
from talks.exchange import pyvideo
from talks.exchange.records import read_talk

VIDEO = {"type": "youtube", "url": "https://www.youtube.com/watch?v=7GI-ohaJfto"}
RECORD = {
    "title": "Types at work",
    "description": "How *types* help.",
    "speakers": ["Ada Lovelace", "Bob Ó Briain"],
    "tags": ["typing", "Machine Learning"],
    "language": "eng",
    "duration": 1447,
    "recorded": "2019-05-03",
    "copyright_text": "CC BY 4.0",
    "thumbnail_url": "https://i.ytimg.com/vi/7GI-ohaJfto/hqdefault.jpg",
    "related_urls": [
        {"label": "slides", "url": "https://example.org/types.pdf"},
        "https://github.com/ada/types",
    ],
    "videos": [VIDEO, {"type": "mp4", "url": "http://example.org/types.mp4", "size": 12}],
}


def record(**changes):
    return RECORD | changes


def write(folder, talks, category=None, event="pycon-2019"):
    """Write an event's files; talks is {name: record, text or bytes}."""
    (folder / event / "videos").mkdir(parents=True, exist_ok=True)
    (folder / event / "category.json").write_text(json.dumps(category or {"title": "PyCon 2019"}))
    for name, value in talks.items():
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        (folder / event / "videos" / f"{name}.json").write_bytes(data)
    return folder


def load(folder, talks=None, **kwargs):
    """Write one event and import it."""
    return pyvideo.run(write(folder, talks or {"types": RECORD}, **kwargs))


def columns(**changes):
    return read_talk(json.dumps(record(**changes)).encode()).columns


def everything():
    """Every row of every table but times, to compare two databases."""
    rows = {}
    for model in TABLES:
        fields = [field for field in model._meta.sorted_fields if not field.name.endswith(("_at", "_since"))]
        rows[model.__name__] = sorted(model.select(*fields).tuples(), key=repr)
    return rows


# What becomes of a record
