"""Flat pages: Markdown files with front matter in `talks/content/`. Only names that exist are served."""

import re
from pathlib import Path
from typing import NamedTuple

from flask import Blueprint, render_template
from markupsafe import Markup
from werkzeug.routing import BaseConverter

from talks import markup

FRONT_MATTER = re.compile(r"---\n(?P<front>.*?)^---(?:\n(?P<body>.*))?", re.DOTALL | re.MULTILINE)
CONTENT = Path(__file__).parent / "content"

bp = Blueprint("pages", __name__)


class FlatPage(NamedTuple):
    title: str
    body: Markup


def read_page(path):
    """The page in a file that begins with lines of ``key: value`` between two lines of ``---``."""
    parts = FRONT_MATTER.fullmatch(path.read_text(encoding="utf-8-sig"))
    if not parts:
        raise ValueError(f"{path.name} does not begin with front matter between two lines of ---")
    fields = {}
    for line in filter(str.strip, parts["front"].splitlines()):
        key, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"{path.name}: {line!r} in the front matter is not a key, a colon and a value")
        fields[key.strip()] = value.strip()
    if not fields.get("title"):
        raise ValueError(f"{path.name} has no title in its front matter")
    return FlatPage(fields["title"], Markup(markup.render_page(parts["body"] or "")))


# Read at the start: a page costs a look into this dictionary.
PAGES = {
    path.relative_to(CONTENT).with_suffix("").as_posix(): read_page(path)
    for path in sorted(CONTENT.rglob("*.md"))
}


class PageConverter(BaseConverter):
    """Matches the names of pages that exist, so that any other address is unknown for every method."""

    part_isolating = False
    regex = "|".join(map(re.escape, PAGES))


@bp.get("/<page:name>")
def page(name):
    """One flat page."""
    found = PAGES[name]
    return render_template("pages/page.html", page_title=found.title, body_html=found.body)
