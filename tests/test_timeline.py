"""Reading: what is listed and in which order, what nobody else sees, and what a talk's page shows."""

import json
import re
from datetime import date, datetime, timedelta
from html.parser import HTMLParser

import pytest
from conftest import only_sqlite, person
from written import a_talk

from models import Event, Link, Tag, Talk, TalkTag
from talks import publishing
from talks.exchange import pyvideo

YOUTUBE = "https://www.youtube.com/watch?v=7GI-ohaJfto"
NOCOOKIE = "https://www.youtube-nocookie.com"
DECK = "https://speakerdeck.com/player/ca752bab13514a9086ef3788f4c65676"
LISTS = ["/", "/tag/python", "/event/e", "/events", "/tags", "/speakers", "/user/ada"]
NO_PAGES = ["0", "-1", "99999999999", "abc", "1001", "", "1.5", "１", "1000", "%00"]


def published(**values):
    return a_talk(speakers=[], status="published", **values)


def tagged(talk, *names):
    publishing.set_tags(talk, names)
    publishing.recount(publishing.shown_in(talk))
    return talk


def ids(text):
    """The talks of a list in their order."""
    return [int(found) for found in re.findall(r'<h\d><a href="/talk/(\d+)"', text)]


def walk(browser, path):
    """The talks of each page, by its links to the next; then the same backwards."""
    pages, place = [], path
    while place:
        answer = browser.get(place)
        assert answer.status_code == 200
        pages.append(ids(answer.text))
        last, place = place, link(answer.text, "next", path)
    back = []
    while last:
        text = browser.get(last).text
        back.insert(0, ids(text))
        last = link(text, "prev", path)
    assert back == pages
    return pages


def link(text, rel, path):
    found = re.search(rf'rel="{rel}" href="([^"]*)"', text)
    return found and path + found[1].replace("&amp;", "&")


# Lists


def test_the_timeline_begins_with_the_newest_and_ends_with_the_undated(client):
    days = [date(2020, 1, 1), None, datetime(2020, 1, 1, 9), date(2024, 5, 5), datetime(2020, 1, 1, 8), None]
    talks = [published(date=day).id for day in days]

    assert ids(client.get("/").text) == [talks[n] for n in (3, 2, 4, 0, 5, 1)]


@pytest.mark.parametrize("path", ["/", "/tag/python", "/event/e"])
def test_the_links_of_a_list_lead_past_every_talk_once(client, monkeypatch, path):
    monkeypatch.setitem(client.application.config, "TALKS_PER_PAGE", 7)
    event = Event.create(slug="e", title="E")
    for number in range(40):
        day = None if number % 5 == 0 else date(2020, 1, 1) + timedelta(number // 6)
        tagged(published(event=event, date=day), "Python")

    pages = walk(client, path)

    assert [len(page) for page in pages] == [7] * 5 + [5]
    assert len({talk for page in pages for talk in page}) == 40


def test_numbered_pages_hold_the_same_as_linked_ones(client, monkeypatch):
    monkeypatch.setitem(client.application.config, "TALKS_PER_PAGE", 4)
    for number in range(10):
        published(date=date(2020, 1, 1 + number))

    assert walk(client, "/") == [ids(client.get(f"/?page={number}").text) for number in (1, 2, 3)]


def test_a_year_of_the_timeline_is_reached_by_its_link(client):
    old, new = published(date=datetime(2019, 12, 31, 23)), published(date=date(2021, 1, 1))

    text = client.get("/").text

    assert re.findall(r'href="/\?before=(\d+)"', text) == ["2022", "2021", "2020"]
    assert ids(client.get("/?before=2020").text) == [old.id]
    assert ids(client.get("/?before=2022").text) == [new.id, old.id]


@pytest.mark.slow
@only_sqlite
@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("number", NO_PAGES)
def test_a_page_that_is_not_there_is_not_found(client, ada, path, number):
    tagged(a_talk(ada, status="published", event=Event.create(slug="e", title="E")), "Python")

    assert client.get(f"{path}?page={number}").status_code == 404


@pytest.mark.parametrize("path", LISTS)
def test_a_key_that_nobody_gave_is_no_error(client, ada, path):
    tagged(a_talk(ada, status="published", event=Event.create(slug="e", title="E")), "Python")

    for value in ("", "%00", ".", "a.b", f"2020.{10**20}", "😀.1", "x" * 400, "'--"):
        for key in ("before", "after"):
            assert client.get(f"{path}?{key}={value}").status_code in (200, 404), (key, value)


@pytest.mark.parametrize(
    "path", ["/talk/99999999999999999999", "/talk/007", "/talk/-1", "/talk/0", "/talk/1.0",
             "/talk/%00", "/talk/007-slug", "/talk/9223372036854775808", "/event/none", "/tag/none",
             "/tag/%00", "/event/%ff"]
)  # fmt: skip
def test_what_there_is_not_is_not_found(client, path):
    assert client.get(path).status_code == 404


@only_sqlite
@pytest.mark.parametrize("slug", ["any-slug", "7", "ключ", "-", "%00", "a%20b"])
def test_a_talk_with_a_slug_leads_to_its_one_address(client, slug):
    answer = client.get(f"/talk/1-{slug}")

    assert (answer.status_code, answer.location) == (308, "/talk/1")


@only_sqlite
@pytest.mark.parametrize("path", [*LISTS, "/talk/1"])
def test_each_page_has_a_head_and_sets_no_cookie_for_visitors(client, ada, path):
    tagged(a_talk(ada, status="published", event=Event.create(slug="e", title="E")), "Python")

    head, page = client.head(path), client.get(path)

    assert (head.status_code, head.data, page.status_code) == (200, b"", 200)
    assert "Set-Cookie" not in head.headers and "Set-Cookie" not in page.headers


def test_an_event_shows_its_talks_as_they_were_given_and_its_editions(client):
    events = [
        Event.create(slug=f"e{year}", title=f"E {year}", series="E", starts_on=date(year, 1, 1), talk_count=1)
        for year in (2019, 2020, 2021)
    ]
    days = [datetime(2020, 1, 2, 9), date(2020, 1, 1), datetime(2020, 1, 1, 15), date(2020, 1, 2)]
    talks = [published(event=events[1], date=day).id for day in days]

    text = client.get("/event/e2020").text

    assert ids(text) == [talks[n] for n in (1, 2, 3, 0)]
    editions = text.partition("Other editions")[2]
    assert re.findall(r'href="/event/(e\d+)"', editions) == ["e2021", "e2019"]


def test_what_only_a_draft_names_is_not_found(client, as_carol, ada, as_ada):
    event = Event.create(slug="secret", title="Secret")
    draft = tagged(a_talk(ada, event=event), "Merger")

    for browser in (client, as_ada, as_carol):
        assert [browser.get(path).status_code for path in ("/event/secret", "/tag/merger")] == [404, 404]

    publishing.change_status(draft, Talk.publish)
    assert [client.get(path).status_code for path in ("/event/secret", "/tag/merger")] == [200, 200]


def test_a_tag_shows_its_newest_talk_first(client):
    days = [date(2019, 1, 1), None, date(2021, 1, 1), datetime(2020, 1, 1, 9)]
    talks = [tagged(published(date=day), "Python").id for day in days]
    tagged(published(), "Other")

    assert ids(client.get("/tag/python").text) == [talks[n] for n in (2, 3, 0, 1)]


def test_the_indexes_list_only_what_has_published_talks(client, ada):
    shown, hidden = (Event.create(slug=slug, title=slug) for slug in ("shown", "hidden"))
    tagged(a_talk(ada, status="published", event=shown), "seen")
    eve = person("eve", is_speaker=True)
    for status in ("draft", "deleted"):
        tagged(a_talk(eve, status=status, event=hidden), "unseen")

    assert re.findall(r'href="/event/(\w+)"', client.get("/events").text) == ["shown"]
    assert re.findall(r'href="/tag/(\w+)"', client.get("/tags").text) == ["seen"]
    assert re.findall(r'href="/user/(\w+)"', client.get("/speakers").text) == ["ada"]


def test_addresses_may_be_in_another_script(client):
    event = Event.create(slug="пайкон-россия", title="Пайкон Россия")
    tagged(published(event=event), "파이썬")
    tag = Tag.get()

    assert ids(client.get("/event/пайкон-россия").text) and ids(client.get(f"/tag/{tag.slug}").text)
    for index in ("/events", "/tags"):
        href = re.search(r'href="(/(?:event|tag)/[^"]*)"', client.get(index).text)[1]
        assert href.isascii() and client.get(href).status_code == 200


# What nobody else sees


@pytest.mark.parametrize("status", ["draft", "deleted"])
def test_what_is_not_published_is_seen_by_nobody_else(client, as_bob, ada, status):
    event = Event.create(slug="e", title="E")
    talk = tagged(a_talk(ada, title="A secret", status=status, event=event), "Python")
    eve = client.application.test_client()
    eve.let_in(person("eve", is_speaker=True))

    for browser in (client, as_bob, eve):
        assert browser.get(f"/talk/{talk.id}").status_code == 404
        for path in ("/", "/event/e", "/tag/python", "/user/ada", "/talk/99"):
            assert "A secret" not in browser.get(path).text


@pytest.mark.parametrize("status, words", [("draft", "Draft"), ("deleted", "Deleted")])
def test_the_owner_sees_what_is_not_published_and_is_told_so(as_ada, ada, status, words):
    answer = as_ada.get(f"/talk/{a_talk(ada, status=status).id}")

    assert answer.status_code == 200 and words in answer.text


def test_who_may_edit_a_talk_is_offered_it(client, as_ada, as_bob, as_carol, ada):
    talk = a_talk(ada, status="published")
    visitor = client.application.test_client()

    offered = [f'href="/edit/{talk.id}"' in browser.get(f"/talk/{talk.id}").text
               for browser in (visitor, as_bob, as_ada, as_carol)]  # fmt: skip

    assert offered == [False, False, True, True]


def test_neighbours_at_the_event_are_linked(client):
    event = Event.create(slug="e", title="E")
    first, second, third = (published(event=event, date=date(2020, 1, day)) for day in (1, 2, 3))
    a_talk(speakers=[], status="draft", event=event, date=date(2020, 1, 2))

    text = client.get(f"/talk/{second.id}").text

    assert f'rel="prev" href="/talk/{first.id}"' in text and f'rel="next" href="/talk/{third.id}"' in text


# Players and links


def directives(answer):
    policy = answer.headers["Content-Security-Policy"]
    return dict(part.strip().partition(" ")[::2] for part in policy.split(";"))


@only_sqlite
@pytest.mark.parametrize(
    "columns, frames, media",
    [
        ({}, "'none'", None),
        ({"video_url": YOUTUBE}, NOCOOKIE, None),
        (
            {"video_url": YOUTUBE, "slides_url": DECK},
            "https://www.youtube-nocookie.com https://speakerdeck.com",
            None,
        ),
        ({"video_url": "https://v.example.org/a.mp4"}, "'none'", "https://v.example.org"),
        ({"video_url": "https://odd.example/a"}, "'none'", None),
    ],
    ids=["no player", "a video", "video and slides", "a file", "no known player"],
)
def test_the_policy_of_a_talk_opens_for_its_players_alone(client, columns, frames, media):
    found = directives(client.get(f"/talk/{published(**columns).id}"))

    assert (found["frame-src"], found.get("media-src")) == (frames, media)
    assert "unsafe" not in str(found) and found["object-src"] == "'none'"


class Elements(HTMLParser):
    """Every element and its attributes; what is in a template apart."""

    def __init__(self, text):
        super().__init__()
        self.found, self.later, self.templates = [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        (self.later if self.templates else self.found).append((tag, dict(attributes)))
        self.templates += tag == "template"

    def handle_endtag(self, tag):
        self.templates -= tag == "template"


def frames(elements):
    return [attributes["src"] for tag, attributes in elements if tag == "iframe"]


@only_sqlite
def test_a_player_waits_for_a_click(client):
    page = Elements(client.get(f"/talk/{published(video_url=YOUTUBE, slides_url=DECK).id}").text)

    loaded = [given.get("src") or "" for tag, given in page.found if tag != "a"]
    assert frames(page.found) == [] and not any("//" in source for source in loaded)
    assert [source.split("?")[0] for source in frames(page.later)] == [
        "https://www.youtube-nocookie.com/embed/7GI-ohaJfto",
        DECK,
    ]


@only_sqlite
@pytest.mark.parametrize("kind, host", [("video", "www.youtube-nocookie.com"), ("slides", "speakerdeck.com")])
def test_without_scripts_one_player_is_asked_for(client, kind, host):
    talk = published(video_url=YOUTUBE, slides_url=DECK)

    sources = frames(Elements(client.get(f"/talk/{talk.id}?play={kind}").text).found)

    assert len(sources) == 1 and sources[0].startswith(f"https://{host}/")


@only_sqlite
@pytest.mark.parametrize("play", ["", "x", "video ", "slides", "title", "__class__"])
def test_nothing_plays_that_is_not_there(client, play):
    talk = published(video_url=YOUTUBE)

    assert frames(Elements(client.get(f"/talk/{talk.id}", query_string={"play": play}).text).found) == []


ODD = [
    "javascript:alert(1)",
    "ftp://example.org/a.mp4",
    "/a.mp4",
    "//evil.example/a",
    "data:text/html,x",
    "a b",
]


@only_sqlite
def test_odd_addresses_of_an_archive_never_become_links(client, tmp_path):
    videos = tmp_path / "odd" / "videos"
    videos.mkdir(parents=True)
    (tmp_path / "odd" / "category.json").write_text('{"title": "Odd"}')
    for number, address in enumerate(ODD):
        record = {"title": f"Odd {number}", "speakers": [], "tags": [], "description": address}
        record |= {"related_urls": ODD, "thumbnail_url": address, "slug": f"odd-{number}", "language": "eng"}
        record["videos"] = [{"type": "x", "url": address}]
        (videos / f"{number}.json").write_text(json.dumps(record))
    pyvideo.run(tmp_path)

    assert Talk.select().count() == len(ODD)
    for talk in list(Talk.select()):
        for _, given in Elements(client.get(f"/talk/{talk.id}").text).found:
            assert not {value for name, value in given.items() if name != "content"} & set(ODD)
            assert re.match(r"/(?!/)|\?|#|https?://|$", given.get("href") or "")


@only_sqlite
def test_an_address_that_no_player_fits_is_a_plain_link(client):
    text = client.get(f"/talk/{published(video_url='https://odd.example/a').id}").text

    assert '<a href="https://odd.example/a" rel="nofollow"' in text and "<iframe" not in text


def test_links_stand_in_the_order_they_were_written(client):
    talk = published()
    for name in ("z", "a", "m"):
        Link.create(talk=talk, url=f"https://example.org/{name}", label=name)

    found = re.findall(r'href="https://example.org/(\w)"', client.get(f"/talk/{talk.id}").text)

    assert found == ["z", "a", "m"]


def test_a_tag_left_by_its_last_talk_is_listed_no_more(client, ada):
    talk = tagged(a_talk(ada, status="published"), "Python")
    publishing.save(Talk.attach_speakers([talk])[0], {"tags": []}, ada)

    assert TalkTag.select().count() == 0
    assert "/tag/python" not in client.get("/tags").text
