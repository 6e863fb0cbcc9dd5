"""Markdown to HTML that is safe to print, and to plain text.

Text goes one of three ways. What has no mark of Markdown or HTML in it becomes escaped paragraphs: the same
bytes that Markdown would make, in a fraction of the time. What is too long, or would keep Markdown busy for
seconds (it is quadratic in brackets that nobody closes), becomes paragraphs too, marks and all. The rest goes
through Markdown and once through bleach, which escapes what is not allowed and links bare addresses.
"""

import re
from html import unescape
from threading import local

from bleach.html5lib_shim import Filter, convert_entities
from bleach.sanitizer import Cleaner
from markdown import Markdown
from markdown.inlinepatterns import (
    IMAGE_LINK_RE,
    IMAGE_REFERENCE_RE,
    LinkInlineProcessor,
    ReferenceInlineProcessor,
    ShortReferenceInlineProcessor,
)
from markupsafe import escape

from talks.embeds.addresses import web_address

LIMIT = 20_000
TAGS = frozenset(
    "a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i kbd li ol p pre strong sub sup ul".split()
)
REL = "nofollow ugc noopener"

# Control characters but tab and newline, what turns the direction of the text after it, halves of pairs.
REMOVED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
BLANK_LINES = re.compile(r"\n(?:[^\S\n]*\n){3,}")  # 19,000 of them would take Markdown 6 seconds
# What Markdown or HTML would act on, or might: emphasis, code, escapes, tags, ends of links, entities; and
# lines that begin like a list, quotation, heading or rule. Bare brackets and dashes are left to the fast way.
MARKED = re.compile(
    r"""[<\\`*]  |  \](?=[(:\[]|\s\[)  |  (?<![^\W_])_  |  &(?=\#|\w+;)
    |  ^(?:[\s>\#~] | [-+](?=\s|[-\s]*$) | =+\s*$ | \d+\.\s)  |  \s$""",
    re.VERBOSE | re.MULTILINE,
)
LEADING_PARAGRAPHS = re.compile(r"(?:\s*<p>.*?</p>)*", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
TABLE_RULE = re.compile(r"(?=.*\|)(?=.*-)[ \t|:-]+")  # beneath the head of a table
PARAGRAPH_END = re.compile(r"\n\s*\n")
BARE_ADDRESS = re.compile(r"(?<![\w/])https?://[^\s<>\"]+", re.IGNORECASE)
CLOSING = {")": "(", "]": "[", "}": "{"}
# Markdown reads the rest of a paragraph again for each opener: 200 in 20,000 characters take it 2 seconds.
# An underscore within a word opens nothing.
OPENERS = re.compile(r"[\[<`]|\*+|\b_+|_+\b")
MAX_OPENERS = 1_000
MAX_READ_AGAIN = 400_000  # characters
# It copies the rest of the text for each of these lines: 10,000 underlines of headings take it 2 seconds.
BLOCK_LINES = re.compile(r"^\s*(?:[-+*=>#~]|\d+\.)", re.MULTILINE)
MAX_BLOCK_LINES = 1_000
MAIL = re.compile(r"mailto:([\w.+-]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+)", re.IGNORECASE | re.ASCII)
OWN_PATH = re.compile(r"(?:/(?![/\\])|\#)[\w./\#-]*", re.ASCII)
OWN = local()  # neither Markdown nor bleach may be shared between threads


def render(text: str, limit: int = LIMIT) -> str:
    """What people wrote in Markdown, as safe HTML. Headings begin at h3; images and tables are not drawn.

    Links lead to absolute http(s) addresses (and `mailto:`) only. What is longer than `limit` is not
    rendered: it comes back escaped, in paragraphs.
    """
    text = _cleaned(text)
    if len(text) > limit or not MARKED.search(text) or _is_costly(text):
        return _paragraphs(text)
    try:
        return _rendered("people", text)
    except RecursionError:  # lists in lists in lists
        return _paragraphs(text)


def render_page(text: str) -> str:
    """A page of the site's own, as HTML: headings begin at h2, links may stay within the site."""
    return _rendered("site", _cleaned(text))


def plain(text: str, length: int) -> str:
    """The beginning of `text` without any marks, on one line of at most `length` characters."""
    start = render(text[: 4 * length + 1_000])
    return _shortened(_text(re.sub(r"<(?:br|/li|/h\d)>", " ", start)), length)


def beginning(html: str, length: int = 320) -> str:
    """The paragraphs that safe HTML begins with, as plain text of at most `length` characters.

    What begins with something else, such as a list, is taken as it comes.
    """
    paragraphs = LEADING_PARAGRAPHS.match(html)[0] or html
    return _shortened(_text(paragraphs), length)


def _text(html: str) -> str:
    return unescape(TAG.sub("", html.replace("</p>", "\n")))


def _shortened(text: str, length: int) -> str:
    line = " ".join(_without_bars(text).split())
    if len(line) <= length:
        return line
    cut = line[:length].rpartition(" ")[0].rstrip(" ,.;:-") or line[: length - 1]
    return f"{cut}…"


def _without_bars(text: str) -> str:
    """`text` with the tables in it, which are not drawn, as the words of their cells."""
    lines, in_table = [], False
    for line in text.split("\n"):
        if TABLE_RULE.fullmatch(line):
            in_table = True
            lines[-1:] = [head.replace("|", " ") for head in lines[-1:]]
            continue
        in_table = in_table and "|" in line
        lines.append(line.replace("|", " ") if in_table else line)
    return "\n".join(lines)


def _cleaned(text: str) -> str:
    """Lines end in a newline, tabs are blanks (as in Markdown), nothing is invisible that does something."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n")
    return BLANK_LINES.sub("\n\n\n", REMOVED.sub("", text).expandtabs(4)).strip()


def _is_costly(text: str) -> bool:
    """Whether Markdown could be busy with `text` for longer than half a second or so."""
    if len(BLOCK_LINES.findall(text)) > MAX_BLOCK_LINES:
        return True
    openers = 0
    read_again = 0
    for block in PARAGRAPH_END.split(text):
        found = len(OPENERS.findall(block))
        openers += found
        read_again += found * len(block)
    return openers > MAX_OPENERS or read_again > MAX_READ_AGAIN


# --- Paragraphs without marks ------------------------------------------------------------------------------


def _paragraphs(text: str) -> str:
    """Escaped paragraphs in which bare addresses are linked."""
    return "\n".join(f"<p>{_linked(block)}</p>" for block in PARAGRAPH_END.split(text) if block)


def _linked(text: str) -> str:
    return "".join(
        f'<a href="{_attribute(href)}" rel="{REL}">{_escaped(part)}</a>' if href else _escaped(part)
        for part, href in _addresses(text)
    )


def _addresses(text: str):
    """`text` in parts, each with the address it is, or None."""
    done = 0
    for found in BARE_ADDRESS.finditer(text):
        shown = _without_punctuation(found[0])
        if href := web_address(shown):
            yield text[done : found.start()], None
            yield shown, href
            done = found.start() + len(shown)
    yield text[done:], None


def _without_punctuation(address: str) -> str:
    """An address without what belongs to the sentence around it: "(see https://example.org/a_(b))." """
    balance = {mark: address.count(mark) for mark in "()[]{}"}
    end = len(address)
    while end:
        last = address[end - 1]
        if last in CLOSING and balance[last] > balance[CLOSING[last]]:
            balance[last] -= 1
        elif last not in ".,;:!?'*_…":
            break
        end -= 1
    return address[:end]


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _attribute(text: str) -> str:
    return str(escape(text))


# --- Everything else ---------------------------------------------------------------------------------------


class Renderer:
    """A Markdown and a bleach of one thread, for what `people` write or for pages of the `site`."""

    def __init__(self, author):
        self.markdown = Markdown(extensions=["fenced_code"])
        self.markdown.parser.blockprocessors["olist"].LAZY_OL = False  # a list may begin at 3
        patterns = self.markdown.inlinePatterns  # an image becomes a link to it
        patterns.register(LinkInlineProcessor(IMAGE_LINK_RE, self.markdown), "image_link", 150)
        patterns.register(ReferenceInlineProcessor(IMAGE_REFERENCE_RE, self.markdown), "image_reference", 140)
        patterns.register(
            ShortReferenceInlineProcessor(IMAGE_REFERENCE_RE, self.markdown), "short_image_ref", 125
        )
        filters = [PeoplesTokens if author == "people" else SitesTokens]
        attributes = {"a": ["href"], "ol": ["start"]}
        self.cleaner = Cleaner(TAGS, attributes, filters=filters, strip_comments=True)

    def render(self, text):
        return self.cleaner.clean(self.markdown.reset().convert(text))


def _rendered(author: str, text: str) -> str:
    """`text` by this thread's renderer. One in which something went wrong is in no known state: it goes."""
    renderer = OWN.__dict__.pop(author, None) or Renderer(author)
    html = renderer.render(text)
    setattr(OWN, author, renderer)
    return html


class PeoplesTokens(Filter):
    """The last look at what bleach lets through: links checked, bare addresses linked, headings demoted."""

    demote_by = 2
    rel = REL

    def __iter__(self):
        inside = []  # the open elements in which no address is linked
        for token in super().__iter__():
            kind, name = token["type"], token.get("name")
            if kind == "Characters" and not inside:
                yield from self.linked(token)
                continue
            if kind in ("StartTag", "EndTag") and name in HEADINGS:
                token["name"] = f"h{min(6, int(name[1]) + self.demote_by)}"
            elif kind == "StartTag" and name in ("a", "code", "pre"):
                if name == "a" and not self.checked(token):
                    continue
                inside.append(name)
            elif kind == "EndTag" and name in ("a", "code", "pre"):
                if name not in inside:
                    continue
                inside.remove(name)
            elif kind == "StartTag" and name == "ol":
                self.number(token)
            yield token

    def checked(self, token):
        """Whether the address of a link is one we link to; then it is written anew."""
        href = self.address(convert_entities(token["data"].get((None, "href"), "")).strip())
        token["data"] = _link_data(href, self.rel) if href else {}
        return bool(href)

    def address(self, given):
        mail = MAIL.fullmatch(given.partition("?")[0])
        return f"mailto:{mail[1]}" if mail else web_address(given)

    def linked(self, token):
        for part, href in _addresses(token["data"]):
            if href:
                yield {"type": "StartTag", "name": "a", "namespace": None, "data": _link_data(href, self.rel)}
            if part:
                yield {"type": "Characters", "data": part}
            if href:
                yield {"type": "EndTag", "name": "a", "namespace": None, "data": {}}

    def number(self, token):
        """A list may begin at a number of at most six digits."""
        if not re.fullmatch("[0-9]{1,6}", token["data"].get((None, "start"), "")):
            token["data"] = {}


class SitesTokens(PeoplesTokens):
    """The same for pages of the site's own: links within the site too, and no word to search engines."""

    demote_by = 1
    rel = ""

    def address(self, given):
        return given if OWN_PATH.fullmatch(given) else super().address(given)


HEADINGS = frozenset(f"h{level}" for level in range(1, 7))


def _link_data(href, rel):
    # bleach takes attributes as they stand in the source: entities and all.
    data = {(None, "href"): _attribute(href)}
    if rel:
        data[None, "rel"] = rel
    return data
