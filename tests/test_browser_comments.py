"""Asking and answering under a talk, in a real browser: with scripts and without, by mouse and by keys."""

from itertools import count

import pytest
from onscreen import sign_in
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

numbers = count(1)
BODY, NAME, EMAIL = "Your question or remark", "Your name", "Your e-mail"


@pytest.fixture
def words():
    """Words that no other test writes."""
    return f"How long is a map of {next(numbers)} miles"


@pytest.fixture
def talk(site, words):
    """The path of Ada's new talk, where questions are shown at once."""
    return site.visitor("ada").publish(title=f"Maps: {words}", discussion="open")


@pytest.fixture
def moderated(site, words):
    return site.visitor("ada").publish(title=f"More maps: {words}")


def fill(page, body, name="Eve", who="eve"):
    """Fill in the form as a visitor; each test as another person, as people have limits."""
    page.get_by_label(BODY).fill(body)
    page.get_by_label(NAME).fill(name)
    page.get_by_label(EMAIL).fill(f"{who}{next(numbers)}@example.org")


def ask(page, path, body, **who):
    page.goto(path)
    fill(page, body, **who)
    page.get_by_role("button", name="Send").click()
    page.wait_for_url("**/comment/*?key=*")


def comment(page, words):
    return page.locator(".comment", has_text=words)


def test_a_visitor_asks_changes_it_and_takes_it_back(page, talk, words):
    ask(page, talk, f"{words}?")
    expect(page.get_by_role("heading", level=1)).to_have_text("It stands under the talk")
    assert page.context.cookies() == []

    page.get_by_label("Your text").fill(f"{words} **exactly**?")
    page.get_by_role("button", name="Save changes").click()
    expect(page.locator(".comment strong")).to_have_text("exactly")

    page.get_by_role("link", name="See it there").click()
    expect(comment(page, words).locator("strong")).to_have_text("exactly")
    page.go_back()

    page.get_by_role("button", name="Take it back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You took it back")
    page.get_by_role("button", name="Bring back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("It stands under the talk")
    assert page.context.cookies() == []


def test_the_key_is_told_to_nobody(page, talk, words):
    ask(page, talk, f"{words}? https://elsewhere.example/")
    page.watch.allowed = {"elsewhere.example"}
    key = page.url.partition("key=")[2][:20]

    for name in ("https://elsewhere.example/", "See it there"):
        with page.expect_request(lambda request: request.is_navigation_request()) as asked:
            page.get_by_role("link", name=name).first.click()
        assert key not in (asked.value.headers.get("referer") or "")
        page.wait_for_load_state()
        assert page.evaluate("document.referrer") == ""
        page.go_back()


def test_what_waits_is_seen_by_the_speaker_and_not_by_others(page, browse, moderated, words):
    ask(page, moderated, f"{words}?")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sent. It waits to be approved")
    page.get_by_role("link", name="Back to the talk").click()
    expect(comment(page, words)).to_have_count(0)

    ada = browse()
    sign_in(ada, "ada")
    ada.goto(moderated)
    expect(comment(ada, words).get_by_text("Waiting")).to_be_visible()


def test_the_preview_follows_what_is_typed(page, talk, words):
    page.goto(talk)
    preview = page.get_by_role("region", name="Preview")
    expect(preview).to_be_hidden()

    page.get_by_label(BODY).press_sequentially("**bold** and `code`")
    expect(preview.locator("strong")).to_have_text("bold")
    expect(preview.locator("code")).to_have_text("code")

    page.get_by_label(BODY).fill("")
    expect(preview).to_be_hidden()


def test_the_preview_runs_no_script(page, talk):
    page.goto(talk)
    hostile = "<script>document.title = 'owned'</script><img src=x onerror=alert(1)>"
    page.get_by_label(BODY).fill(f"{hostile} *done*")

    expect(page.get_by_role("region", name="Preview").locator("em")).to_have_text("done")
    assert page.title() != "owned"


def test_an_answer_is_written_beneath_what_it_answers(page, talk, words):
    ask(page, talk, f"{words}?")
    page.get_by_role("link", name="See it there").click()
    page.get_by_label(BODY).fill("As long as")
    comment(page, words).get_by_role("link", name="Answer").click()

    expect(page.get_by_label(BODY)).to_be_focused()
    expect(page.get_by_label(BODY)).to_have_value("As long as")
    expect(page.locator(".thread .ask")).to_have_count(1)
    fill(page, "As long as it takes", name="Fay")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("link", name="See it there").click()

    expect(page.locator(".answers .comment")).to_contain_text("As long as it takes")


def test_an_answer_becomes_a_question_again(page, talk, words):
    ask(page, talk, f"{words}?")
    page.get_by_role("link", name="See it there").click()
    comment(page, words).get_by_role("link", name="Answer").click()
    page.get_by_role("link", name="Not as an answer").click()

    expect(page.locator(".thread .ask")).to_have_count(0)
    expect(page.get_by_role("heading", name="Ask a question")).to_be_visible()
    fill(page, "Something else", name="Fay")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("link", name="See it there").click()
    expect(page.locator(".thread > li")).to_have_count(2)


def test_everything_works_without_scripts(browse, talk, words):
    page = browse(java_script_enabled=False)
    ask(page, talk, f"{words}?")
    page.get_by_role("link", name="See it there").click()
    comment(page, words).get_by_role("link", name="Answer").click()
    expect(page.get_by_text("In answer to Eve, 1")).to_be_visible()

    page.get_by_label(BODY).fill("Very *long*")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("region", name="Preview").locator("em")).to_have_text("long")
    expect(page.get_by_text("In answer to Eve, 1")).to_be_visible()

    fill(page, "Very *long*", name="Fay")
    page.get_by_role("button", name="Send").click()
    page.get_by_role("link", name="See it there").click()
    expect(page.locator(".answers .comment em")).to_have_text("long")


def test_a_refused_form_says_what_is_wrong_and_keeps_the_text(page, talk, words):
    page.goto(talk)
    page.get_by_label(BODY).fill(words)
    page.evaluate("document.querySelector('.ask-form').noValidate = true")
    page.get_by_role("button", name="Send").click()

    expect(page.locator("[data-errors]")).to_be_focused()
    expect(page.get_by_label(BODY)).to_have_value(words)
    page.get_by_role("link", name=NAME).click()
    expect(page.get_by_label(NAME)).to_be_focused()


def test_leaving_with_unsent_words_asks(page, talk):
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto(talk)
    page.get_by_label(BODY).press_sequentially("Not sent")
    page.goto("/about")

    assert asked == ["beforeunload"]


def test_going_back_keeps_the_words(page, talk, words):
    page.goto(talk)
    fill(page, words)
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/about")
    page.go_back()

    expect(page.get_by_label(BODY)).to_have_value(words)


def test_a_member_asks_with_the_keyboard_alone(page, talk, words):
    sign_in(page, "bob")
    page.goto(talk)
    page.get_by_label(BODY).focus()
    page.keyboard.type(f"{words}?")
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Send":
            break
    page.keyboard.press("Enter")

    expect(page.get_by_text("It stands under the talk now.")).to_be_visible()
    mine = comment(page, words)
    expect(mine).to_be_visible()
    mine.get_by_role("link", name="Edit or delete").click()
    page.get_by_label("Your text").fill(f"{words}, really?")
    page.get_by_role("button", name="Save changes").click()
    expect(comment(page, f"{words}, really?").get_by_text("edited")).to_be_visible()


def test_a_reader_reports(page, talk, words):
    ask(page, talk, f"{words}?")
    page.get_by_role("link", name="See it there").click()
    comment(page, words).get_by_role("link", name="Report").click()
    page.get_by_role("button", name="Report comment").click()

    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    page.get_by_role("link", name="Back to the comment").click()
    expect(comment(page, words)).to_be_visible()


def test_times_are_said_in_the_readers_words(page, talk, words):
    ask(page, talk, f"{words}?")
    page.get_by_role("link", name="See it there").click()

    written = comment(page, words).locator("time")
    expect(written).to_have_text("now")
    assert "at" in written.get_attribute("title")


def test_the_trap_is_out_of_the_way(page, talk):
    page.goto(talk)
    trap = page.locator("input[name=homepage]")

    box = trap.bounding_box()
    assert trap.get_attribute("tabindex") == "-1"
    assert page.evaluate("box => document.elementFromPoint(box.x, box.y)?.name !== 'homepage'", box)


def test_the_timeline_leads_to_the_questions(page, talk, words):
    ask(page, talk, f"{words}?")
    page.goto("/")
    page.locator("article.talk", has_text=words).get_by_role("link", name="1 question").click()

    expect(page.get_by_role("heading", name="Questions")).to_be_in_viewport()
