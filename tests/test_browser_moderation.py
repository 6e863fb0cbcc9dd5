"""Deciding about questions in a real browser: in the queue, under the talk, by keys, from a mail."""

import json
import subprocess
import sys
from itertools import count

import live
import pytest
from onscreen import sign_in
from playwright.sync_api import expect
from test_browser_pages import violations

pytestmark = pytest.mark.browser

numbers = count(1)
# In one process, as starting one is what takes time: a speaker, a talk, and what waits under it.
ASK = """
import json, sys
import main
from models import Talk, database
from talks import accounts, comments, notifications, publishing
username, password, bodies = json.loads(sys.argv[1])
with database.connection_context():
    email = f"{username}@example.org"
    user = accounts.create_account(username, email, password=password, is_speaker=True)
    talk = publishing.save(None, {"title": f"A talk by {username}", "speakers": []}, user, "published")
    made = []
    for body in bodies:
        who = {"name": "Ann Example", "email": f"ann+{username}@example.org", "notify": False, "parent": None}
        comment = comments.post(talk, None, who | {"body": body}, username)
        if body.startswith("Reported"):
            comment.move("pending", to="approved")
            Talk.update(comment_count=Talk.comment_count + 1).where(Talk.id == talk.id).execute()
            comments.report(comment)
        made.append([comment.id, notifications.moderate_token(main.app.secret_key, comment.id, user.id)])
print(json.dumps([talk.id, made]))
"""


@pytest.fixture
def speaker():
    """Somebody new who speaks, so that a queue holds what its test has put there."""
    return f"speaker{next(numbers)}"


@pytest.fixture
def asked(site, speaker):
    """Writes comments under a talk of the speaker: [(its path, id of one, path of the link in the mail)]."""

    def ask(*bodies):
        ended = subprocess.run(
            [sys.executable, "-c", ASK, json.dumps([speaker, live.PASSWORD, bodies])], cwd=site.house,
            env=site.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        talk, made = json.loads(ended.stdout)
        return [(f"/talk/{talk}", id_, f"/moderate/{token}") for id_, token in made]

    return ask


@pytest.fixture
def queue(page, speaker, asked):
    """The queue of a speaker, with three questions in it."""
    asked("First question?", "Second question?", "Third question?")
    sign_in(page, speaker)
    page.goto("/moderate")
    return page


def waiting(page):
    return page.locator(".bar-person [data-waiting]")


def opened(page):
    """The text of the question that is open."""
    return page.locator("[data-item] details[open] .prose")


def test_a_click_approves_without_leaving_the_page(queue):
    queue.evaluate("window.stayed = true")
    with queue.expect_response(lambda answer: "/api/1.0/comments/" in answer.url) as answer:
        opened(queue).locator("..").get_by_role("button", name="Approve").click()

    assert answer.value.request.method == "PUT"
    assert answer.value.request.headers["authorization"].startswith("Bearer ")
    expect(queue.locator(".decided")).to_contain_text("Approved")
    expect(opened(queue)).to_have_text("Second question?")
    expect(waiting(queue)).to_have_text("2")
    assert queue.evaluate("window.stayed")


@pytest.mark.parametrize(
    "name, said", [("Approve", "Approved"), ("Delete", "Deleted"), ("Spam", "Marked as spam")]
)
def test_what_was_decided_is_undone_in_its_place(queue, name, said):
    queue.locator("details[open]").get_by_role("button", name=name).click()
    expect(queue.locator(".decided")).to_contain_text(said)
    queue.get_by_role("button", name="Undo").click()

    expect(queue.locator(".decided")).to_have_count(0)
    expect(opened(queue)).to_have_text("First question?")
    expect(waiting(queue)).to_have_text("3")
    queue.reload()
    expect(queue.locator("[data-item]")).to_have_count(3)


def test_the_queue_is_worked_with_keys_alone(queue):
    queue.keyboard.press("j")
    expect(opened(queue)).to_have_text("Second question?")
    queue.keyboard.press("k")
    expect(opened(queue)).to_have_text("First question?")
    queue.keyboard.press("a")
    expect(opened(queue)).to_have_text("Second question?")
    queue.keyboard.press("d")
    expect(opened(queue)).to_have_text("Third question?")
    queue.keyboard.press("s")
    expect(queue.locator(".decided")).to_have_count(3)
    expect(queue.locator(".decided .badge")).to_have_text(["Approved", "Deleted", "Marked as spam"])
    queue.keyboard.press("u")
    expect(queue.locator(".decided")).to_have_count(2)

    queue.reload()
    expect(queue.locator("[data-item]")).to_have_count(1)
    expect(opened(queue)).to_have_text("Third question?")


def test_the_keys_are_explained_and_can_be_switched_off(queue):
    queue.keyboard.press("?")
    help_ = queue.get_by_role("dialog", name="Keys in this list")
    expect(help_).to_be_visible()
    queue.keyboard.press("a")  # nothing is decided behind it
    help_.get_by_label("Use these keys").uncheck()
    help_.get_by_role("button", name="Close").click()
    queue.keyboard.press("d")
    queue.keyboard.press("j")

    expect(opened(queue)).to_have_text("First question?")
    expect(queue.locator(".decided")).to_have_count(0)
    queue.reload()
    queue.get_by_role("button", name="Keys").click()
    expect(queue.get_by_label("Use these keys")).not_to_be_checked()


def test_keys_with_others_held_are_left_to_the_browser(queue):
    for key in ("Control+d", "Alt+a", "Meta+s"):
        queue.keyboard.press(key)

    expect(queue.locator(".decided")).to_have_count(0)


def test_several_are_decided_at_once(queue):
    expect(queue.get_by_role("button", name="Approve ticked")).to_be_hidden()
    queue.keyboard.press("x")
    queue.keyboard.press("j")
    queue.keyboard.press("x")
    queue.get_by_role("button", name="Approve ticked").click()
    expect(queue.get_by_text("Approved: 2 comments.")).to_be_visible()
    expect(queue.locator("[data-item]")).to_have_count(1)

    queue.get_by_role("button", name="Undo").click()
    expect(queue.get_by_text("Undone for 2 comments.")).to_be_visible()
    expect(queue.locator("[data-item]")).to_have_count(3)


def test_the_last_one_leaves_a_way_back(browse, speaker, asked):
    asked("The only question?")
    page = browse()
    sign_in(page, speaker)
    page.goto("/moderate")
    page.keyboard.press("a")

    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    expect(waiting(page)).to_be_hidden()


def test_under_the_talk_the_same_buttons_do_the_same(page, browse, speaker, asked):
    talk, id_, _ = asked("Shown or not?")[0]
    sign_in(page, speaker)
    page.goto(talk)
    comment = page.locator(f"#comment-{id_}")
    comment.get_by_role("button", name="Approve").click()
    expect(comment.locator(".decided")).to_contain_text("Approved")

    reader = browse()
    reader.goto(talk)
    expect(reader.get_by_text("Shown or not?")).to_be_visible()
    comment.get_by_role("button", name="Undo").click()
    expect(comment.get_by_role("button", name="Approve")).to_be_focused()
    reader.reload()
    expect(reader.get_by_text("Shown or not?")).to_have_count(0)


def test_a_reported_comment_is_kept(page, speaker, asked):
    asked("Reported for nothing")
    sign_in(page, speaker)
    page.goto("/moderate")
    expect(page.get_by_text("Reported", exact=True)).to_be_visible()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".decided")).to_contain_text("Kept")

    page.reload()
    expect(page.get_by_text("Nothing waits under your talks")).to_be_visible()


def test_without_the_api_the_form_is_sent_as_ever(queue):
    queue.context.route("**/api/1.0/**", lambda route: route.fulfill(status=503, body="{}"))
    queue.locator("details[open]").get_by_role("button", name="Approve").click()

    expect(queue.get_by_text("Approved: the comment by Ann Example.")).to_be_visible()
    expect(queue.locator("[data-item]")).to_have_count(2)


def test_without_scripts_a_question_is_approved_and_that_undone(browse, speaker, asked):
    asked("No scripts here?", "Nor here?")
    page = browse(java_script_enabled=False)
    page.goto("/auth/login")
    page.get_by_label("E-mail").fill(f"{speaker}@example.org")
    page.get_by_label("Password").fill(live.PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.goto("/moderate")
    page.locator("details[open]").get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Approved: the comment by Ann Example.")).to_be_visible()
    expect(page.locator("[data-item]")).to_have_count(1)

    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-item]")).to_have_count(2)


@pytest.mark.parametrize("scripts", [True, False])
def test_the_link_in_the_mail_works_without_signing_in(browse, asked, scripts):
    talk, _, path = asked("From the mail?")[0]
    page = browse(java_script_enabled=scripts)
    page.goto(path)
    expect(page.get_by_text("From the mail?")).to_be_visible()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("heading", name="Approved")).to_be_visible()
    assert page.context.cookies() == []

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.get_by_role("button", name="Spam").click()
    page.goto(path)
    expect(page.get_by_text("This was decided before")).to_be_visible()
    page.goto(talk)
    expect(page.get_by_text("From the mail?")).to_have_count(0)


LONG = (
    "W" * 200
    + "\n\n```\n"
    + "a line of code that does not end " * 8
    + "\n```\n\nhttps://example.org/"
    + "path/" * 60
)


@pytest.mark.parametrize("where", ["queue", "mail", "talk", "admin"])
def test_the_page_is_accessible_and_fits_a_narrow_phone(browse, speaker, asked, where):
    talk, _, link = asked(LONG, "مرحبا، هل يمكن؟", "Reported")[0]
    page = browse(viewport={"width": 360, "height": 740}, color_scheme="light")
    if where != "mail":
        sign_in(page, "carol" if where == "admin" else speaker)
    page.goto({"queue": "/moderate", "mail": link, "talk": talk, "admin": "/moderate-admin"}[where])
    if where in ("queue", "talk"):
        page.get_by_role("button", name="Delete").first.click()
        expect(page.locator(".decided")).to_be_visible()

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1280, "height": 800})
    if where == "queue":
        page.keyboard.press("?")
        assert violations(page) == []
