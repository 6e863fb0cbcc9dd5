"""Whatever people write or an archive brings is text on every page, and in every script it is shown whole."""

import re
from datetime import date
from html import escape
from html.parser import HTMLParser

import pytest
from conftest import only_sqlite
from written import a_talk

from models import Event, Link, Tag, TalkTag, User
from talks import markup, publishing

HOSTILE = """<script>alert("1")</script>'"><img src=x onerror=alert(1)>{{ 7*7 }}&amp;"""
TITLES = {
    "hostile": HOSTILE,
    "Korean": "파이썬으로 배우는 자연어 처리",
    "Arabic": "مقدمة في بايثون",
    "of 185 characters": "A very long title " * 10 + "ends.",
    "of four-byte characters": "😀 𝒳𠮷 🐍",
    "of one endless word": "Donaudampfschifffahrt" * 12,
}
PAGES = [
    "/", "/talk/1", "/talk/2", "/event/event", "/events", "/tag/tag", "/tags", "/user/speaker", "/speakers",
    "/user/speaker?year=2020", "/?before=2021", "/nothing-here",
]  # fmt: skip
OWN_PAGES = ["/new", "/edit/1", "/mine", "/profile", "/user/carol", "/auth/logout"]
ADDRESS = re.compile(r"https?://|mailto:|/(?!/)|[?#]|$")
LEAD_SOMEWHERE = ("href", "src", "action", "formaction", "poster", "data", "srcset", "cite", "ping")


class Page(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data


def fill(words, owner):
    """A site on which everything that can hold words holds `words`."""
    speaker = User.create(
        username="speaker", name=words[:128], is_speaker=True, location=words[:128],
        website="https://example.org/", bio=words, bio_html=markup.render(words),
    )  # fmt: skip
    event = Event.create(
        slug="event", title=words, description=words, venue=words, series="s", starts_on=date(2020, 1, 1)
    )
    Event.create(slug="other", title=words, series="s", talk_count=1)
    tag = Tag.create(slug="tag", key="tag", name=words[:128])
    for number in (1, 2):
        talk = a_talk(
            owner, title=words, speakers=[speaker, owner], status="published", description=words, venue=words,
            venue_url="https://example.org/", license=words, event=event, date=date(2020, 1, number),
            video_url="https://www.youtube.com/watch?v=7GI-ohaJfto" if number == 1 else "https://odd.example/",
            slides_url="https://speakerdeck.com/player/ca752bab13514a9086ef3788f4c65676", language="ko",
        )  # fmt: skip
        TalkTag.create(talk=talk, tag=tag, date=talk.date)
        Link.create(talk=talk, url="https://example.org/?a='b&c=\"d", label=words, kind="web")
    a_talk(owner, title=words, status="draft")
    publishing.recount(publishing.shown_in(talk))


@pytest.fixture(params=TITLES.values(), ids=TITLES.keys())
def words(request, carol):
    User.update(name=request.param[:128], bio=request.param).where(User.id == carol.id).execute()
    fill(request.param, carol)
    return request.param


def check(html):
    """Nothing runs that is not ours, and every address is one to go to."""
    elements = Page(html).elements
    for tag, attributes in elements:
        bad = [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")]
        assert not bad, attributes
        assert tag not in ("object", "embed", "base", "style", "applet"), tag
        for name in LEAD_SOMEWHERE:
            assert ADDRESS.match(attributes.get(name) or ""), (tag, attributes)
    scripts = [attributes for tag, attributes in elements if tag == "script"]
    assert scripts and all(re.match(r"/static/", given.get("src") or "") for given in scripts)
    assert not [attributes for tag, attributes in elements if tag == "img" and attributes.get("src") == "x"]


@pytest.mark.slow
@only_sqlite
@pytest.mark.parametrize("path", PAGES)
def test_words_are_only_words_to_a_visitor(client, words, path):
    answer = client.get(path)

    assert answer.status_code == (404 if path == "/nothing-here" else 200)
    check(answer.text)


@pytest.mark.slow
@only_sqlite
@pytest.mark.parametrize("path", [*OWN_PAGES, "/talk/1", "/talk/3"])
def test_words_are_only_words_to_who_is_signed_in(as_carol, words, path):
    answer = as_carol.get(path)

    assert answer.status_code == 200
    check(answer.text)


@only_sqlite
def test_a_form_sent_back_holds_only_words(as_carol, words):
    fields = ("title", "description", "venue", "speakers", "date", "tags", "video", "links")
    answer = as_carol.submit("/new", **dict.fromkeys(fields, words))

    assert answer.status_code == 422
    check(answer.text)


@pytest.mark.slow
@only_sqlite
@pytest.mark.parametrize("path", ["/", "/talk/1", "/event/event", "/tag/tag", "/user/speaker"])
def test_a_title_is_shown_whole(client, words, path):
    assert words in Page(client.get(path).text).text


@only_sqlite
def test_a_hostile_address_is_only_an_address(client):
    for place in ("/nothing", "/?before=", "/tag/", "/auth/login?next="):
        answer = client.get(place + "%3Cscript%3Ealert(1)%3C/script%3E%22onerror=x")
        assert "<script>alert" not in answer.text
        check(answer.text)


@only_sqlite
def test_a_stored_page_of_words_is_escaped_once(client, carol):
    a_talk(carol, title='Q&A: <b> & "c"', status="published")

    text = client.get("/talk/1").text

    assert escape('Q&A: <b> & "c"').replace("&quot;", "&#34;") in text and "&amp;amp;" not in text
