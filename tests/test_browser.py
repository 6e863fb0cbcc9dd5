"""What people do on the site, in a real browser."""

from itertools import count
from urllib.parse import urlsplit

import pytest
from onscreen import PLAYER_HOST, VIDEO, publish, sign_in
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

numbers = count(1)


@pytest.fixture
def title(site):
    """A title that no other test uses."""
    return f"How to read a map, part {next(numbers)}"


@pytest.fixture
def talk(site, title):
    """The path of Ada's new talk with a video."""
    return site.visitor("ada").publish(title=title, video=VIDEO, description="About maps.")


@pytest.fixture
def ada(page):
    sign_in(page, "ada")
    return page


def test_a_speaker_signs_in_and_out(ada):
    ada.get_by_text("ada", exact=True).first.click()
    ada.get_by_role("button", name="Sign out").first.click()

    expect(ada.get_by_text("Signed out.")).to_be_visible()
    expect(ada.get_by_role("link", name="Sign in").first).to_be_visible()


def test_a_published_talk_is_on_top_of_the_timeline(ada, title):
    publish(ada, title, Video=VIDEO)

    ada.goto("/")
    expect(ada.get_by_role("article").first.get_by_role("heading")).to_have_text(title)


def test_an_edited_talk_shows_what_was_written(ada, talk):
    ada.goto(talk)
    ada.get_by_role("link", name="Edit", exact=True).click()
    ada.get_by_label("Description").fill("Maps lie, **kindly**.")
    ada.get_by_role("button", name="Save changes").click()

    expect(ada.get_by_text("Saved.")).to_be_visible()
    expect(ada.locator(".talk-body strong")).to_have_text("kindly")


def test_a_draft_is_not_on_the_timeline(ada, browse, title):
    ada.goto("/new")
    ada.get_by_label("Title").fill(title)
    ada.get_by_role("button", name="Save as draft").click()
    expect(ada.get_by_text("Only its owner, its speakers and administrators see it").first).to_be_visible()

    visitor = browse()
    visitor.goto("/")
    expect(visitor.get_by_text(title)).to_have_count(0)


@pytest.mark.parametrize("width", [360, 1280])
def test_a_picture_in_a_list_opens_its_talk(browse, talk, width):
    reader = browse(viewport={"width": width, "height": 900})
    reader.goto("/")
    box = reader.locator(".talk .picture").first.bounding_box()
    reader.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    expect(reader.locator(".talk-head h1")).to_be_visible()


def test_nobody_else_is_asked_before_the_click(page, talk):
    for path in ("/", talk):
        page.goto(path, wait_until="networkidle")

    assert page.watch.outside == []


def test_a_click_brings_the_player_and_asks_its_host_only(page, talk, title):
    page.watch.allowed = {PLAYER_HOST}
    page.goto(talk)
    with page.expect_request(lambda request: PLAYER_HOST in request.url):
        page.get_by_role("link", name="Play video").click()

    frame = page.locator("iframe")
    expect(frame).to_be_visible()
    source = urlsplit(frame.get_attribute("src"))
    assert (source.scheme, source.netloc, source.path) == ("https", PLAYER_HOST, "/embed/abcdefghij0")
    assert "allow-scripts" in frame.get_attribute("sandbox")
    assert "allow-top-navigation" not in frame.get_attribute("sandbox")
    assert title in frame.get_attribute("title")
    page.wait_for_load_state("networkidle")
    assert set(page.watch.outside) == {PLAYER_HOST}


def test_the_archive_is_paged_back_and_forth_without_a_gap(page):
    def titles():
        return page.locator("article.talk h3").all_inner_texts()

    page.goto("/")
    first = titles()
    page.get_by_role("link", name="Older talks").click()
    page.wait_for_url("**/?before=*")
    second = titles()
    assert first and second and not set(first) & set(second)

    page.get_by_role("link", name="Newer talks").click()
    page.wait_for_url("**/?after=*")
    assert titles() == first


def test_every_talk_of_the_archive_is_reached_by_older(page, site):
    seen, total = [], site.count_talks()
    page.goto("/")
    while True:
        seen += page.locator("article.talk h3 a").evaluate_all("links => links.map(link => link.pathname)")
        older = page.get_by_role("link", name="Older talks")
        if not older.count():
            break
        older.click()
        page.wait_for_load_state()

    assert len(seen) == len(set(seen)) == total


def theme(page):
    return page.evaluate("document.documentElement.dataset.theme || 'system'")


def test_the_switch_of_colours_is_remembered(page):
    page.goto("/")
    switch = page.locator("[data-theme-switch]")
    switch.click()
    switch.click()
    assert theme(page) == "dark"

    page.goto("/about")
    assert theme(page) == "dark"
    expect(page.locator("[data-theme-switch]")).to_contain_text("dark")


def test_the_chosen_colours_are_there_before_anything_is_painted(page):
    page.goto("/")
    page.evaluate("localStorage.setItem('theme', 'dark')")
    page.add_init_script(
        """new MutationObserver((changes, observer) => {
             if (!document.body) return;
             observer.disconnect();
             window.themeAtFirst = document.documentElement.dataset.theme;
           }).observe(document, {childList: true, subtree: true});"""
    )
    page.goto("/")

    assert page.evaluate("window.themeAtFirst") == "dark"


def test_the_system_s_colours_are_followed(browse):
    def paper(scheme):
        page = browse(color_scheme=scheme)
        page.goto("/")
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert paper("light") != paper("dark")


@pytest.fixture
def reader_in_tokyo(browse):
    return browse(locale="de-DE", timezone_id="Asia/Tokyo")


def shown_date(page, site, **values):
    page.goto(site.visitor("ada").publish(title="A dated talk", **values))
    return page.locator(".talk-head time[data-date]").inner_text()


def test_a_day_is_said_in_the_readers_language_and_stays_that_day(reader_in_tokyo, site):
    assert shown_date(reader_in_tokyo, site, date="2024-05-31") == "31. Mai 2024"


def test_a_time_in_a_known_zone_is_said_in_the_readers_zone(reader_in_tokyo, site):
    shown = shown_date(reader_in_tokyo, site, date="2024-05-31", time="20:30", time_zone="Europe/Berlin")

    assert "1. Juni 2024" in shown and "03:30" in shown


def test_a_time_in_an_unknown_zone_stays_as_it_was_given(reader_in_tokyo, site):
    shown = shown_date(reader_in_tokyo, site, date="2024-05-31", time="20:30")

    assert "31" in shown and "20:30" in shown


def test_leaving_unsaved_text_asks(ada):
    asked = []
    ada.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    ada.goto("/new")
    ada.get_by_label("Title").press_sequentially("Half a thou")
    ada.get_by_role("link", name="Events").first.click()
    ada.wait_for_url("**/events")

    assert asked == ["beforeunload"]


def test_leaving_an_untouched_form_does_not_ask(ada):
    asked = []
    ada.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    ada.goto("/new")
    ada.get_by_role("link", name="Events").first.click()
    ada.wait_for_url("**/events")

    assert asked == []


def open_delete_dialog(page, talk):
    page.goto(talk.replace("/talk/", "/edit/"))
    page.locator("details[data-confirm] summary").click()
    return page.get_by_role("dialog")


def test_deleting_asks_and_the_harmless_answer_has_the_focus(ada, talk):
    dialog = open_delete_dialog(ada, talk)

    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    ada.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    assert ada.goto(talk).status == 200


def test_a_deleted_talk_is_brought_back(ada, talk, title, browse):
    open_delete_dialog(ada, talk).get_by_role("button", name="Delete talk").click()
    expect(ada.get_by_text("Deleted. You can bring it back below.")).to_be_visible()
    visitor = browse()
    assert visitor.goto(talk).status == 404

    ada.locator("main").locator("div:has(> article)", has_text=title).get_by_role(
        "button", name="Bring back"
    ).click()
    expect(ada.get_by_text("The talk is back.")).to_be_visible()
    assert visitor.goto(talk).status == 200


def test_the_menu_of_a_phone_opens_leads_on_and_closes(browse):
    phone = browse(viewport={"width": 360, "height": 740}, has_touch=True)
    phone.goto("/")
    links = phone.locator(".menu-phone").get_by_role("link", name="Events")
    expect(links).to_be_hidden()
    phone.get_by_text("Menu", exact=True).tap()
    expect(links).to_be_visible()
    phone.keyboard.press("Escape")
    expect(links).to_be_hidden()

    phone.get_by_text("Menu", exact=True).tap()
    links.tap()
    phone.wait_for_url("**/events")


def test_the_skip_link_leads_past_the_bar(page):
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.closest('main') !== null")


# Every visible thing that does something, except what shares one stop with others.
REACHABLE = """() => [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
    .filter(element => element.type !== 'hidden' && !element.disabled && element.checkVisibility())"""


@pytest.mark.parametrize("path", ["/", "talk", "/new", "/auth/login", "/speakers", "/profile"])
def test_tab_reaches_everything(page, ada, talk, path):
    if path == "/auth/login":
        page.context.clear_cookies()
    page.goto(talk if path == "talk" else path)
    page.evaluate(f"window.left = new Set(({REACHABLE})())")
    for _ in range(page.evaluate("window.left.size * 4 + 10")):  # a date has several stops
        page.keyboard.press("Tab")
        page.evaluate("window.left.delete(document.activeElement)")

    assert page.evaluate("[...window.left].map(element => element.outerHTML)") == []


def test_the_focus_is_seen(page, talk):
    page.goto(talk)
    for _ in range(page.evaluate(f"({REACHABLE})().length")):
        page.keyboard.press("Tab")
        shown = page.evaluate(
            """(() => { const style = getComputedStyle(document.activeElement);
                 return document.activeElement === document.body
                   || (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0)
                   || style.boxShadow !== 'none' || document.activeElement.outerHTML; })()"""
        )
        assert shown is True


def test_enter_plays_the_video_and_the_player_has_the_focus(page, talk):
    page.watch.allowed = {PLAYER_HOST}
    page.goto(talk)
    page.get_by_role("link", name="Play video").focus()
    page.keyboard.press("Enter")

    expect(page.locator("iframe")).to_be_focused()


@pytest.fixture
def plain(browse):
    """A browser without scripts."""
    return browse(java_script_enabled=False, viewport={"width": 360, "height": 740})


def test_a_talk_is_published_without_scripts(plain, title):
    sign_in(plain, "ada")
    publish(plain, title, Video=VIDEO)

    plain.goto("/")
    expect(plain.get_by_role("article").first.get_by_role("heading")).to_have_text(title)


def test_a_video_plays_without_scripts(plain, talk):
    plain.watch.allowed = {PLAYER_HOST}
    plain.goto(talk)
    expect(plain.locator("iframe")).to_have_count(0)
    plain.get_by_role("link", name="Play video").click()

    expect(plain.locator("iframe")).to_be_visible()
    assert plain.locator("iframe").get_attribute("src").startswith(f"https://{PLAYER_HOST}/embed/")


def test_a_talk_is_deleted_and_brought_back_without_scripts(plain, talk, title):
    sign_in(plain, "ada")
    plain.goto(talk.replace("/talk/", "/edit/"))
    plain.locator("details[data-confirm] summary").click()
    plain.get_by_role("button", name="Delete talk").click()
    plain.locator("main div:has(> article)", has_text=title).get_by_role("button", name="Bring back").click()

    expect(plain.get_by_text("The talk is back.")).to_be_visible()


def test_the_menu_works_without_scripts(plain):
    plain.goto("/")
    plain.get_by_text("Menu", exact=True).click()
    plain.locator(".menu-phone").get_by_role("link", name="Speakers").click()

    expect(plain.get_by_role("heading", level=1, name="Speakers")).to_be_visible()


def test_dates_are_words_without_scripts_and_a_switch_that_does_nothing_is_not_shown(plain, site):
    assert shown_date(plain, site, date="2024-05-31") == "31 May 2024"
    expect(plain.locator("[data-theme-switch]")).to_be_hidden()


def test_words_that_go_on_in_a_second_line_begin_where_the_first_does(browse, site):
    path = site.visitor("ada").publish(title="Far away", event="The Big Meeting of Everybody " * 3)
    phone = browse(viewport={"width": 360, "height": 740})
    phone.goto(path)

    lefts = phone.locator(".talk-head .dotted a").first.evaluate(
        """(link) => {
             const words = document.createRange();
             words.selectNodeContents(link);
             return [...words.getClientRects()].map((line) => Math.round(line.left));
           }"""
    )
    assert len(lefts) > 1
    assert set(lefts) == {16}
