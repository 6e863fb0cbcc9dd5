"""The panel in a real browser: its scripts run under its policy, it asks before it deletes, it reads well."""

import re
from itertools import count

import pytest
from onscreen import publish, sign_in
from playwright.sync_api import expect
from test_browser_pages import violations

pytestmark = pytest.mark.browser

numbers = count(1)
SIZES = {"phone": {"width": 360, "height": 740}, "desktop": {"width": 1280, "height": 800}}
PAGES = ["/admin/", "/admin/users/", "/admin/talks/", "/admin/talks/edit/?id=3", "/admin/talks/details/?id=3",
         "/admin/users/new/", "/admin/audit/", "/admin/talks/?flt0_0=draft&flt1_5=2020-01-01",
         "/admin/outbox/?search=nothing+like+that"]  # fmt: skip


@pytest.fixture
def panel(page):
    """The first page of the panel, come to from the front page."""
    sign_in(page, "carol")
    page.goto("/")
    page.locator(".bar-person summary").click()
    page.get_by_role("link", name="Administration").click()
    page.get_by_role("heading", level=1, name="Administration").wait_for()
    return page


def room(page, name):
    page.get_by_role("navigation", name="Administration").get_by_role("link", name=name).click()
    page.get_by_role("heading", level=1, name=name).wait_for()


def made(page, table, **values):
    """Fill in the form for a new row, whose name gets a number; returns that name."""
    page.goto(f"/admin/{table}/new/")
    label, name = next(iter(values.items()))
    values[label] = f"{name} {next(numbers)}"
    for each, value in values.items():
        page.get_by_label(each).first.fill(value)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text(re.compile(r"The new \w+ is saved\.")).wait_for()
    return values[label]


def row(page, text):
    return page.locator("table.model-list tr", has_text=text)


def search(page, words):
    page.get_by_role("searchbox").fill(words)
    page.get_by_role("button", name="Search").click()


def test_somebody_is_found_and_changed(panel, browse):
    room(panel, "People")
    search(panel, "dora@example.org")
    row(panel, "dora").get_by_role("link", name=re.compile("Edit")).click()
    panel.get_by_label("Place").fill("The reading room")
    panel.get_by_role("button", name="Save", exact=True).click()

    expect(panel.get_by_text("The profile is saved.")).to_be_visible()
    expect(row(panel, "dora")).to_have_count(1)  # back where the search was
    row(panel, "dora").get_by_role("link", name="dora", exact=True).click()
    expect(panel.get_by_text("The reading room")).to_be_visible()


def test_a_visitor_signs_in_and_comes_back(page):
    page.goto("/admin/talks/?search=maps")
    page.get_by_label("E-mail").fill("carol@example.org")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(re.compile(r"/admin/talks/\?search=maps$"))
    expect(page.get_by_role("searchbox")).to_have_value("maps")


def test_a_filter_is_added_and_taken_away(panel):
    room(panel, "Talks")
    before = panel.locator("table.model-list tbody tr, table.model-list > tr").count()
    panel.get_by_role("button", name="Filter").click()
    panel.get_by_role("button", name="Status").click()
    panel.get_by_role("button", name="Apply").click()

    expect(panel.locator("td.col-status")).not_to_have_count(0)
    assert set(panel.locator("td.col-status").all_inner_texts()) == {"Draft"}
    panel.locator(".remove-filter").wait_for()
    panel.get_by_role("link", name="Show all").click()
    expect(panel.locator("td.col-status", has_text="Published").first).to_be_visible()
    assert before > 0


def test_a_filter_is_applied_after_it_is_chosen(panel):
    room(panel, "Talks")
    panel.get_by_role("button", name="Filter").click()
    panel.get_by_role("button", name="Status").click()
    panel.locator("select.filter-val").focus()
    panel.keyboard.press("Tab")

    expect(panel.get_by_role("button", name="Apply")).to_be_focused()
    chosen, apply = panel.locator("table.filters"), panel.get_by_role("button", name="Apply")
    assert apply.bounding_box()["y"] > chosen.bounding_box()["y"]


def test_what_a_search_looks_for_can_be_read_on_a_phone(browse):
    page = browse(viewport=SIZES["phone"])
    sign_in(page, "carol")
    for table in ("users", "comments", "audit"):
        page.goto(f"/admin/{table}/")
        room_left = page.get_by_role("searchbox").evaluate("""(input) => {
            const style = getComputedStyle(input), words = document.createElement("canvas").getContext("2d");
            words.font = style.font;
            const inner = input.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
            return inner - words.measureText(input.placeholder).width;
        }""")
        assert room_left > 8, table


def test_a_day_is_chosen_from_a_calendar(panel):
    room(panel, "Audit trail")
    panel.get_by_role("button", name="Filter").click()
    panel.get_by_role("button", name="At", exact=True).click()
    panel.locator("input.filter-val").click()
    panel.locator(".daterangepicker:visible td.available").first.click()
    panel.get_by_role("button", name="Apply").last.click()

    expect(panel.locator("input.filter-val")).to_have_value(re.compile(r"\d{4}-\d\d-\d\d"))


def test_a_row_is_deleted_only_after_a_question(panel):
    name = made(panel, "tags", Name="Panel tag")
    search(panel, name)
    asked = []

    def answer(dialog):
        asked.append(dialog.message)
        dialog.accept() if len(asked) == 2 else dialog.dismiss()

    panel.on("dialog", answer)
    delete = row(panel, name).get_by_role("button", name=re.compile("Delete"))
    delete.click()
    expect(row(panel, name)).to_have_count(1)
    delete.click()
    expect(panel.get_by_text("Deleted: 1.")).to_be_visible()
    expect(panel.get_by_text("Nothing like that is here.")).to_be_visible()
    assert len(asked) == 2 and "for good" in asked[0]


def test_ticked_rows_are_changed_together(panel):
    names = [made(panel, "tags", Name="Ticked tag") for _ in range(2)]
    search(panel, "Ticked tag")
    for name in names:
        row(panel, name).get_by_role("checkbox").check()
    panel.on("dialog", lambda dialog: dialog.accept())
    panel.get_by_role("button", name="With ticked").click()
    panel.get_by_role("button", name="Delete", exact=True).click()

    expect(panel.get_by_text("Deleted: 2.")).to_be_visible()


def test_an_event_is_found_while_typing(panel):
    event = made(panel, "events", Title="Panel Days")
    title = f"A talk for the panel {next(numbers)}"
    publish(panel, title)
    panel.goto("/admin/talks/")
    search(panel, title)
    row(panel, title).get_by_role("link", name=re.compile("Edit")).click()
    panel.locator("#s2id_event").click()
    panel.keyboard.type(event)
    panel.locator(".select2-results").get_by_text(event).click()
    panel.get_by_role("button", name="Save", exact=True).click()

    expect(row(panel, title).locator("td", has_text=event)).to_be_visible()


def test_what_is_wrong_stands_at_its_field(panel):
    panel.goto("/admin/events/new/")
    panel.get_by_label("Title").fill("???")
    panel.get_by_role("button", name="Save", exact=True).click()

    expect(panel.locator(".invalid-feedback")).to_have_text("An event's name needs a letter or a digit.")
    assert not violations(panel)


def test_without_scripts_it_is_read_and_written_and_deletes_after_a_question(browse, site):
    page = browse(java_script_enabled=False)
    sign_in(page, "carol")
    page.goto("/admin/talks/edit/?id=3")
    event = page.locator("input[name=event]").get_attribute("value")
    page.get_by_label("Venue", exact=True).fill("The big hall")
    page.get_by_role("button", name="Save", exact=True).click()

    page.goto("/admin/talks/edit/?id=3")
    assert event and page.locator("input[name=event]").get_attribute("value") == event
    expect(page.get_by_label("Venue", exact=True)).to_have_value("The big hall")
    page.goto("/admin/talks/")
    expect(page.locator("table.model-list button")).not_to_have_count(0)
    assert not page.locator("table.model-list button:visible").count()

    name = made(page, "tags", Name="Tag without scripts")
    search(page, name)
    row(page, name).get_by_role("link", name=re.compile("Open")).click()
    page.get_by_text("Delete…").click()
    expect(page.get_by_text("Delete this tag? Its talks lose it for good.")).to_be_visible()
    page.get_by_role("button", name=re.compile("Delete no")).click()
    expect(page.get_by_text("Deleted: 1.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_its_pages_are_accessible_and_narrow_enough(browse, size, scheme):
    page = browse(viewport=size, color_scheme=scheme)
    sign_in(page, "carol")
    for path in PAGES:
        page.goto(path)
        assert not violations(page), path
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
