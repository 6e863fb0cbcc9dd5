"""What holds for every page: accessible, narrow enough, quiet, light."""

import gzip
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from onscreen import VIDEO, sign_in

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text()
LONG_ADDRESS = "https://example.org/" + "path/" * 60
LONG_CODE = "```\n" + "a line of code that does not end " * 8 + "\n```"
RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
KILOBYTES = 120  # of a page before media

TALKS = {
    "plain": {"title": "Nothing but words", "description": "No video and no slides.", "tags": "words"},
    "full": {
        "title": "Everything a talk can have",
        "video": VIDEO,
        "slides": "https://speakerdeck.com/player/0123456789abcdef0123456789abcdef",
        "description": "# Why\n\nSome *words*, `code`, a [link](https://example.org/).\n\n- one\n- two\n\n"
        f"> three\n\n{LONG_CODE}\n\n{LONG_ADDRESS}",
        "event": "The Big Meeting 2024",
        "date": "2024-05-31",
        "time": "20:30",
        "time_zone": "Europe/Berlin",
        "venue": "The old library",
        "venue_url": "https://example.org/library",
        "duration": "1:02:05",
        "license": "CC BY 4.0",
        "tags": "words, letters, " + "a-tag-that-is-as-long-as-tags-may-be-" + "x" * 27,
        "links": "https://example.org/code The code\nhttps://example.org/paper.pdf",
    },
    "endless": {"title": "Donaudampfschifffahrt" * 8 + "sgesellschaft" + "kapitän", "event": "W" * 100},
    "crowded": {"title": "A panel", "speakers": "\n".join(f"Panellist Number{n} of Many" for n in range(34))},
    "korean": {"title": "파이썬으로 지도 읽기: 한국어 자연어 처리의 과거와 미래", "language": "ko"},
    "arabic": {
        "title": "كيف نقرأ الخرائط؟ مقدمة إلى Python والبيانات المكانية",
        "language": "ar",
        "description": "هذه كلمات عن الخرائط.",
        "speakers": "ليلى حداد",
    },
    "undated": {"title": "Some day", "date": ""},
    "asked": {"title": "A talk with questions", "discussion": "open"},
    "members": {"title": "A talk for members", "discussion": "members"},
}  # fmt: skip


@pytest.fixture(scope="module")
def shown(site):
    """{name: path} of talks that look in every way a talk can look."""
    ada = site.visitor("ada")
    paths = {name: ada.publish(**({"date": "2026-01-02"} | values)) for name, values in TALKS.items()}
    return paths | ask(site, ada, paths["asked"])


def ask(site, ada, path):
    """Questions in every way they can look; {name: path} of pages about them."""
    eve = {"name": "Eve", "email": "eve@example.org"}
    own = site.visitor().ask(path, f"What is a **map**?\n\n{LONG_CODE}\n\n{LONG_ADDRESS}", **eve)
    first = urlsplit(own.url).path
    ada.ask(path, "A drawing of what is *left out*.", parent=first.rpartition("/")[2])
    long = {"name": "W" * 64, "email": f"{'w' * 60}@{'example.' * 20}org"}
    site.visitor().ask(path, "- so\n- many\n\n> links: " + " ".join([LONG_ADDRESS] * 5), **long)
    site.visitor().ask(path, "ما هي الخريطة؟", name="ليلى", email="layla@example.org")
    site.visitor("bob").ask(path, " ".join(f"https://example.org/{number}" for number in range(5)))
    return {"own": own.url.removeprefix(site.address), "report": f"{first}/report"}


def send_empty(page, path):
    """Send the form at `path` as a browser without its own checks would."""
    page.goto(path)
    page.locator("main form input:not([type=hidden], [type=file])").first.fill("")
    page.evaluate("for (const form of document.querySelectorAll('main form')) form.noValidate = true")
    page.locator("main form button:visible").last.click()
    page.locator("[data-errors]").wait_for()


# Name of the page: who looks (None: a visitor), and the address.
READING = {
    "timeline": (None, "/"),
    "an older page of the timeline": (None, "/?before=2020"),
    "talk without anything": (None, "plain"),
    "talk with everything": (None, "full"),
    "talk with a player": (None, "full?play=video"),
    "talk with an endless title": (None, "endless"),
    "talk of 34 speakers": (None, "crowded"),
    "talk in Korean": (None, "korean"),
    "talk in Arabic": (None, "arabic"),
    "talk with questions": (None, "asked"),
    "talk with questions, to its speaker": ("ada", "asked"),
    "talk with questions, to who asked": ("bob", "asked"),
    "talk with an answer": (None, "asked?reply=1"),
    "talk for members": (None, "members"),
    "own comment": (None, "own"),
    "report": (None, "report"),
    "help for who asks": (None, "/help/asking"),
    "own talk": ("ada", "undated"),
    "speaker": (None, "/user/ada"),
    "own speaker page": ("ada", "/user/ada"),
    "speaker without talks": (None, "/user/bob"),
    "event": (None, "/event/the-big-meeting-2024"),
    "tag": (None, "/tag/words"),
    "events": (None, "/events"),
    "speakers": (None, "/speakers"),
    "tags": (None, "/tags"),
    "about": (None, "/about"),
    "help": (None, "/help"),
    "help for speakers": (None, "/help/speakers"),
    "not found": (None, "/nothing-here"),
    "not allowed": ("bob", "/new"),
    "sign in": (None, "/auth/login"),
    "sign out": ("bob", "/auth/logout"),
    "make an account": (None, "/auth/register"),
    "have a link sent again": (None, "/auth/confirm"),
    "forgotten password": (None, "/auth/reset"),
    "account": ("bob", "/auth/account"),
    "change password": ("bob", "/auth/password"),
    "change address": ("bob", "/auth/email"),
    "where one is signed in": ("bob", "/auth/sessions"),
    "download": ("bob", "/profile/download"),
    "delete the account": ("ada", "/profile/delete"),
    "requests": ("bob", "/claims"),
    "all requests": ("carol", "/moderate-admin/claims"),
    "ask to publish": ("bob", "/profile/publish"),
    "speaker that nobody has": ("bob", "/user/ned-batchelder"),
    "this is me": ("bob", "/user/ned-batchelder/claim"),
    "invite": ("carol", "/user/ned-batchelder/invite"),
    "journal": (None, "/journal/"),
    "journal of a person": (None, "/journal/?by=nora-notreal"),
    "entry": (None, "/journal/1"),
    "own entries": ("bob", "/journal/mine"),
    "new entry": ("bob", "/journal/new"),
    "new entry about a talk": ("bob", "/journal/new?talk=2"),
    "help for accounts": (None, "/help/accounts"),
    "help for the journal": (None, "/help/journal"),
    "profile": ("ada", "/profile"),
    "own talks": ("ada", "/mine"),
    "no own talks": ("dora", "/mine"),
    "new talk": ("ada", "/new"),
    "edit talk": ("ada", "edit full"),
}
WITH_ERRORS = {
    "question with errors": (None, "asked"),
    "sign in with errors": (None, "/auth/login"),
    "registration with errors": (None, "/auth/register"),
    "forgotten password with errors": (None, "/auth/reset"),
    "new entry with errors": ("bob", "/journal/new"),
    "new talk with errors": ("ada", "/new"),
    "profile with errors": ("ada", "/profile"),
}
EMPTY_SITE = {  # in development, with nobody and nothing
    "partials": "/-/ui",
    "empty timeline": "/",
    "no events": "/events",
    "no speakers": "/speakers",
    "no tags": "/tags",
    "crash": "/-/crash",
    "set-up": "set-up",
}
PAGES = [*READING, *WITH_ERRORS, *EMPTY_SITE]


@pytest.fixture
def visit(browse, site, workshop, shown):
    """Opens one of PAGES in a browser of the given kind."""

    def address(path):
        if path.startswith("edit "):
            return shown[path[5:]].replace("/talk/", "/edit/")
        name, mark, query = path.partition("?")
        return shown.get(name, name) + mark + query

    def set_up_path():
        return urlsplit(workshop.said()[0].split("open ")[1].strip()).path

    def open_page(name, **options):
        if name in EMPTY_SITE:
            page = browse(at=workshop, **options)
            page.goto(set_up_path() if name == "set-up" else EMPTY_SITE[name])
            return page
        page = browse(**options)
        page.watch.allowed = {"www.youtube-nocookie.com"} if "player" in name else set()
        person, path = READING.get(name) or WITH_ERRORS[name]
        if person:
            sign_in(page, person)
        if name in WITH_ERRORS:
            send_empty(page, address(path))
        else:
            page.goto(address(path))
        return page

    return open_page


def violations(page):
    page.evaluate(AXE)
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, iframes: false, resultTypes: ['violations']})", RULES
    )
    return [
        f"{rule['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_accessible_in_light_and_dark(visit, name):
    page = visit(name, color_scheme="light")
    assert violations(page) == []

    page.emulate_media(color_scheme="dark")
    assert violations(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_the_page_fits_a_narrow_phone_in_width(visit, name):
    page = visit(name, viewport={"width": 360, "height": 740})
    for fold in page.locator("main details > summary").all():
        fold.click()
        page.keyboard.press("Escape")  # a dialog; another fold stays open

    beyond = page.evaluate(
        """() => document.scrollingElement.scrollWidth <= innerWidth ? [] :
             [...document.querySelectorAll('body *')]
               .filter(element => element.getBoundingClientRect().right > innerWidth)
               .map(element => element.outerHTML.slice(0, 160))"""
    )
    assert beyond == []


def transferred(request):
    """Bytes that came over the wire; pages as the proxy of docs/deploy.md sends them, packed."""
    if request.resource_type == "document":
        return len(gzip.compress(request.response().body(), 6))
    return request.sizes()["responseBodySize"] + request.sizes()["responseHeadersSize"]


@pytest.mark.parametrize("name", ["timeline", "talk with everything", "speaker", "events", "speakers"])
def test_a_reading_page_is_light(visit, browse, name):
    page = visit(name)
    answers = []
    page.on("requestfinished", lambda request: answers.append(request))
    page.reload(wait_until="networkidle")
    page.evaluate("document.fonts.ready")

    kinds = [request.resource_type for request in answers]
    assert kinds.count("stylesheet") <= 1
    assert kinds.count("script") <= 2
    sizes = {request.url: transferred(request) for request in answers}
    assert sum(sizes.values()) < KILOBYTES * 1000, sizes


@pytest.mark.parametrize("name", ["timeline", "talk with everything", "talk of 34 speakers", "speaker"])
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_shifts_while_the_page_loads(visit, name, width):
    page = visit(name, viewport={"width": width, "height": 800})
    page.wait_for_load_state("networkidle")
    shifts = page.evaluate(
        """() => new Promise(done => {
             const seen = [], start = node => node?.outerHTML?.slice(0, 120);
             new PerformanceObserver(list => {
               for (const entry of list.getEntries())
                 seen.push([entry.value, ...entry.sources.map(source => start(source.node))]);
             }).observe({type: 'layout-shift', buffered: true});
             setTimeout(() => done(seen), 300);
           })"""
    )

    assert sum(shift[0] for shift in shifts) < 0.01, shifts
