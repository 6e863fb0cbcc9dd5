"""What people do in a browser, in the words of the pages, for tests."""

import live

VIDEO = "https://www.youtube.com/watch?v=abcdefghij0"
PLAYER_HOST = "www.youtube-nocookie.com"


def sign_in(page, username):
    page.goto("/auth/login")
    page.get_by_label("E-mail").fill(f"{username}@example.org")
    page.get_by_label("Password").fill(live.PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.get_by_text("Signed in as").wait_for()


def publish(page, title, **more):
    """Type a talk and publish it; `more` are the labels of other fields and what goes into them."""
    page.goto("/new")
    for label, value in ({"Title": title} | more).items():
        page.get_by_role("main").get_by_label(label).first.fill(value)
    page.get_by_role("button", name="Publish talk").click()
    page.get_by_role("heading", level=1, name=title).wait_for()
