"""What members do, in a real browser: come, write, claim who they are, take everything along, and leave."""

import json
import re
import zipfile
from itertools import count

import live
import pytest
from mailed import files, plain
from onscreen import publish, sign_in
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

numbers = count(1)


@pytest.fixture
def mail_of(site):
    """(subject, text, path of the first link) of the last mail to an address."""

    def read(address):
        site.flask("flush-mail")
        mail = [mail for mail in files(site.instance / "mail") if address in str(mail["To"])][-1]
        link = re.search(rf"{site.address}(/\S+)", plain(mail))
        return mail["Subject"], plain(mail), link and link[1]

    return read


@pytest.fixture
def newcomer(site):
    """The username of an account made for this test."""
    username = f"newcomer{next(numbers)}"
    site.add(username)
    return username


def choose(page, name):
    """Press a link in the person's menu."""
    page.locator(".bar-person summary").click()
    page.locator(".bar-person").get_by_role("link", name=name).click()


def register(page, username):
    page.goto("/")
    page.get_by_role("banner").get_by_role("link", name="Sign in").click()
    page.get_by_role("main").get_by_role("link", name="Make one").click()
    page.get_by_label("Username").fill(username)
    page.get_by_label("E-mail").fill(f"{username}@example.org")
    page.get_by_label("Password", exact=True).fill(live.PASSWORD)
    page.get_by_label("Password again").fill(live.PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Make an account").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look into your mail")


def write_entry(page, title, body):
    page.get_by_role("banner").get_by_role("link", name="Journal").first.click()
    page.get_by_role("main").get_by_role("link", name="Write an entry").click()
    page.get_by_label("Title").fill(title)
    page.get_by_label("Text").fill(body)
    expect(page.get_by_role("region", name="Preview").locator("em")).to_have_text("first")
    page.get_by_role("main").get_by_role("button", name=re.compile("Send|Publish")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def test_who_registers_writes_an_entry_that_waits_until_it_is_approved(browse, mail_of):
    username, title = f"rita{next(numbers)}", "What I tried after the talk"
    rita, reader, carol = browse(), browse(), browse()
    register(rita, username)
    rita.goto("/journal/")
    expect(rita.get_by_role("link", name="Write an entry")).to_have_count(0)

    subject, _, link = mail_of(f"{username}@example.org")
    assert "onfirm" in subject
    rita.goto(link)
    rita.get_by_role("button", name="Yes, it is mine").click()
    expect(rita.get_by_text("your address is confirmed")).to_be_visible()
    write_entry(rita, title, "It was my *first*.")

    expect(rita.get_by_text("It waits until an administrator has looked at it")).to_be_visible()
    entry = rita.url
    assert reader.goto(entry).status == 404
    reader.goto("/journal/")
    expect(reader.get_by_role("link", name=title)).to_have_count(0)
    sign_in(carol, "carol")
    choose(carol, "All that waits")
    carol.locator("summary").filter(has_text=title).click()
    carol.get_by_role("button", name=re.compile(f"Approve.*{title}")).click()
    expect(carol.locator(".decided")).to_contain_text("Approved")

    reader.goto("/journal/")
    reader.get_by_role("link", name=title).click()
    expect(reader.locator("article .prose em")).to_have_text("first")


def test_administrators_read_in_their_own_zone_when_a_mail_was_written(browse, mail_of):
    register(browse(), "traveller")
    mail_of("traveller@example.org")
    page = browse(locale="de-DE", timezone_id="Asia/Tokyo")
    sign_in(page, "carol")
    page.goto("/mailbox")
    written = page.locator("time.when").first

    assert re.fullmatch(r"\d+\. \w+ \d{4}, \d\d:\d\d", written.inner_text())
    assert re.fullmatch(r"\d+ \w+ \d{4}, \d\d:\d\d UTC", written.get_attribute("title"))


def test_a_speaker_of_the_archive_claims_the_page_and_moderates_there(browse, site, newcomer, mail_of):
    name = f"Pia Profile{next(numbers)}"
    owner, pia, carol = browse(), browse(), browse()
    sign_in(owner, "dora")
    publish(owner, f"A talk that {name} gave", Speakers=name)
    talk = owner.url
    sign_in(pia, newcomer)
    pia.goto(talk)
    pia.get_by_role("main").get_by_role("link", name=name).first.click()
    profile = pia.url
    pia.get_by_role("link", name="This is me").click()
    pia.get_by_label("A few words").fill("My talk is on my own page too.")
    pia.get_by_role("button", name="This is me").click()
    expect(pia.get_by_text("An administrator looks at it")).to_be_visible()

    sign_in(carol, "carol")
    choose(carol, "All requests")
    request = carol.get_by_role("listitem").filter(has=carol.get_by_role("link", name=name))
    expect(request.get_by_text("My talk is on my own page too.")).to_be_visible()
    request.get_by_role("button", name="Yes, the same person").click()
    expect(carol.get_by_text("Who asked is told by mail.")).to_be_visible()

    assert mail_of(f"{newcomer}@example.org")[2] == f"/user/{newcomer}"
    pia.goto(profile)
    assert pia.url.endswith(f"/user/{newcomer}")
    expect(pia.get_by_role("link", name=f"A talk that {name} gave")).to_be_visible()
    question = site.visitor().ask(
        talk.removeprefix(site.address), "Is it really you?", name="Vera", email="v@example.org"
    )
    assert question.status == 200
    choose(pia, "Waiting for you")
    pia.get_by_role("button", name="Approve").first.click()
    expect(pia.locator(".decided")).to_contain_text("Approved")


def test_who_is_invited_makes_the_profile_an_account(browse, site, mail_of):
    name = f"Ingo Invited{next(numbers)}"
    address = f"{name.split()[1].lower()}@example.org"
    carol, ingo = browse(), browse()
    sign_in(carol, "carol")
    publish(carol, f"A talk of {name}", Speakers=name)
    carol.get_by_role("main").get_by_role("link", name=name).first.click()
    carol.get_by_role("link", name="Invite by mail").click()
    carol.get_by_label("Their e-mail").fill(address)
    carol.get_by_role("button", name="Send invitation").click()
    expect(carol.get_by_text("is invited, for a week")).to_be_visible()

    subject, _, link = mail_of(address)
    assert name in subject
    ingo.goto(link)
    ingo.get_by_label("Password", exact=True).fill(live.PASSWORD)
    ingo.get_by_label("Password again").fill(live.PASSWORD)
    ingo.get_by_role("button", name="Make it my account").click()

    expect(ingo.locator(".bar-person summary")).to_contain_text(name)
    ingo.goto(link)
    expect(ingo.get_by_role("heading", level=1)).not_to_contain_text("Are you")


def test_who_leaves_takes_everything_along_and_is_gone(browse, newcomer):
    leaving, reader = browse(accept_downloads=True), browse()
    sign_in(leaving, newcomer)
    write_entry(leaving, "The last thing that I write", "The *first* one, too.")
    choose(leaving, "Account")
    leaving.get_by_role("main").get_by_role("link", name="Download").click()
    with leaving.expect_download() as started:
        leaving.get_by_role("main").get_by_role("button", name="Download").click()
    with zipfile.ZipFile(started.value.path()) as file:
        held = {name: json.loads(file.read(name)) for name in file.namelist() if name.endswith(".json")}
    assert "The last thing that I write" in json.dumps(held)

    choose(leaving, "Account")
    leaving.get_by_role("main").get_by_role("link", name="Delete").click()
    leaving.get_by_label("Password").fill("not my password")
    leaving.get_by_role("button", name="Delete my account").click()
    expect(leaving.get_by_text("That is not your password.").first).to_be_visible()
    leaving.get_by_label("Password").fill(live.PASSWORD)
    leaving.get_by_role("button", name="Delete my account").click()

    expect(leaving.get_by_role("banner").get_by_role("link", name="Sign in")).to_be_visible()
    assert reader.goto(f"/user/{newcomer}").status == 404
    reader.goto("/auth/login")
    reader.get_by_label("E-mail").fill(f"{newcomer}@example.org")
    reader.get_by_label("Password").fill(live.PASSWORD)
    reader.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(reader.get_by_text("E-mail and password do not belong together.")).to_be_visible()


@pytest.mark.parametrize("megabytes", [6, 19])
def test_too_large_a_picture_is_refused_by_a_page_with_the_limit_and_the_way_back(
    page, newcomer, tmp_path, megabytes
):
    (tmp_path / "large.jpg").write_bytes(bytes(megabytes * 1_000_000))
    sign_in(page, newcomer)
    page.goto("/profile")
    page.get_by_label("Picture").set_input_files(tmp_path / "large.jpg")
    page.get_by_role("button", name="Upload picture").click()

    expect(page.get_by_role("heading", level=1, name="Too large")).to_be_visible()
    expect(page.get_by_text("A picture has at most 5 MB.")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_have_count(0)
    page.get_by_role("link", name="Back to your profile").click()
    expect(page.get_by_role("button", name="Upload picture")).to_be_visible()
