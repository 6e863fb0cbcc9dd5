"""Two-step sign-in in a real browser: an app, a passkey of the browser's virtual device, recovery codes."""

import time
from itertools import count
from types import SimpleNamespace

import live
import pyotp
import pytest
from playwright.sync_api import expect
from test_browser_pages import violations

pytestmark = pytest.mark.browser

numbers = count(1)
DEVICE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture
def member(site):
    """A new member's username."""
    username = f"member{next(numbers)}"
    site.add(username)
    return username


@pytest.fixture
def named(site):
    """The site under a name: browsers make no passkey for an address in numbers."""
    return SimpleNamespace(address=f"http://localhost:{site.port}")


@pytest.fixture
def visit(browse, named):
    """Opens the site under its name."""
    return lambda **options: browse(named, **options)


class Device:
    """A virtual authenticator of the browser of `page`."""

    def __init__(self, page):
        self.devtools = page.context.new_cdp_session(page)
        self.devtools.send("WebAuthn.enable")
        made = self.devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
        self.name = {"authenticatorId": made["authenticatorId"]}

    def passkeys(self):
        return self.devtools.send("WebAuthn.getCredentials", self.name)["credentials"]

    def forget(self):
        self.devtools.send("WebAuthn.clearCredentials", self.name)


def send_password(page, member, at="/auth/login"):
    page.goto(at)
    page.get_by_label("E-mail").fill(f"{member}@example.org")
    page.get_by_label("Password").fill(live.PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def sign_out(page):
    page.goto("/auth/logout")
    page.get_by_role("main").get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("Signed out.")).to_be_visible()


def open_settings(page):
    page.goto("/auth/second-factor/settings")
    page.get_by_label("Your password").fill(live.PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1, name="Two-step sign-in")).to_be_visible()


def set_up_app(page):
    """(what the phone shows from now on, the recovery codes); the page is the one with the codes."""
    page.get_by_role("button", name="Set up an app").click()
    phone = pyotp.TOTP(page.locator(".key").inner_text().replace(" ", ""))
    page.get_by_role("textbox", name="Code").fill(phone.now())
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", level=1, name="Your recovery codes")).to_be_visible()
    return phone, page.locator(".codes code").all_inner_texts()


def next_code(phone):
    """What a phone shows whose clock is half a minute early: the present code was used to set it up."""
    return phone.at(time.time() + 30)


def is_in(page, member):
    expect(page.get_by_text(f"Signed in as {member}.")).to_be_visible()
    return True


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_an_app_is_set_up_and_asked_for(visit, member, scripts):
    page = visit(java_script_enabled=scripts)
    send_password(page, member)
    assert is_in(page, member)
    open_settings(page)
    phone, codes = set_up_app(page)
    assert len(codes) == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("10 of 10 left")).to_be_visible()
    sign_out(page)

    send_password(page, member)
    page.get_by_label("Code from your app").fill("000000")
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator(".field .wrong")).to_contain_text("not the app's present code")
    page.get_by_label("Code from your app").fill(next_code(phone))
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    assert is_in(page, member)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_recovery_code_gets_in_once(visit, member, scripts):
    page = visit(java_script_enabled=scripts)
    send_password(page, member)
    open_settings(page)
    _, codes = set_up_app(page)

    for said in ("Signed in as", "That is none of your recovery codes, or it was used before."):
        page.context.clear_cookies()
        send_password(page, member)
        page.get_by_text("Use a recovery code").click()
        page.get_by_label("Recovery code").fill(codes[0].upper().replace("-", " "))
        page.get_by_role("button", name="Sign in with it").click()
        expect(page.get_by_text(said).last).to_be_visible()
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()


def test_a_passkey_is_added_and_gets_in(visit, member):
    page = visit()
    device = Device(page)
    send_password(page, member)
    open_settings(page)
    page.get_by_role("textbox", name="Name").fill("Work laptop")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("Your passkey is added.")).to_be_visible()
    assert page.locator(".codes code").count() == 10
    assert [key["rpId"] for key in device.passkeys()] == ["localhost"]
    sign_out(page)

    send_password(page, member, "/auth/login?next=/speakers")
    expect(page.get_by_label("Code from your app")).to_have_count(0)
    page.get_by_role("button", name="Use a passkey").click()
    assert is_in(page, member)
    assert page.url.endswith("/speakers")
    assert device.passkeys()[0]["signCount"] > 1

    open_settings(page)
    expect(page.get_by_text("Work laptop", exact=True)).to_be_visible()


def test_a_device_adds_one_passkey_of_an_account(visit, member):
    page = visit()
    Device(page)
    send_password(page, member)
    open_settings(page)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("button", name="Add a passkey").click()

    expect(page.get_by_role("alert")).to_have_text("This device holds a passkey of your account already.")
    expect(page.get_by_role("button", name="Add a passkey")).to_be_enabled()


def test_a_device_without_the_passkey_is_told_so_and_a_code_gets_in(visit, member):
    page = visit()
    device = Device(page)
    send_password(page, member)
    open_settings(page)
    page.get_by_role("button", name="Add a passkey").click()
    code = page.locator(".codes code").first.inner_text()
    device.forget()
    sign_out(page)

    send_password(page, member)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_have_text("No passkey was used. Try again when you are ready.")
    page.get_by_label("Recovery code").fill(code)
    page.get_by_role("button", name="Sign in with it").click()
    assert is_in(page, member)


def test_removing_the_only_factor_asks_first(visit, member):
    page = visit()
    send_password(page, member)
    open_settings(page)
    set_up_app(page)
    page.get_by_role("link", name="I have kept them").click()
    page.locator("summary", has_text="Remove").click()
    expect(page.get_by_role("dialog")).to_contain_text("It is your only second factor")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Signing in asks for the password only.")).to_be_visible()
    sign_out(page)

    send_password(page, member)
    assert is_in(page, member)


def test_new_codes_end_the_old_ones(visit, member):
    page = visit()
    send_password(page, member)
    open_settings(page)
    _, codes = set_up_app(page)
    page.get_by_role("link", name="I have kept them").click()
    page.locator("summary", has_text="Make new codes").click()
    page.get_by_role("dialog").get_by_role("button", name="Make new codes").click()

    expect(page.locator(".codes code")).to_have_count(10)
    assert not set(codes) & set(page.locator(".codes code").all_inner_texts())


def test_where_the_site_has_no_name_no_passkey_is_offered(browse, member):
    page = browse()
    send_password(page, member)
    open_settings(page)

    expect(page.get_by_text("not at an address in numbers")).to_be_visible()
    expect(page.get_by_role("button", name="Add a passkey")).to_have_count(0)


def test_the_menu_leads_there(visit, member):
    page = visit()
    send_password(page, member)
    page.locator(".bar-person summary").click()
    page.locator(".bar-person").get_by_role("link", name="Account").click()
    page.get_by_role("listitem").filter(has_text="Two-step sign-in").get_by_role("link").click()

    expect(page.get_by_role("heading", level=1, name="Your password again")).to_be_visible()


def test_an_administrator_who_has_to_have_one_is_led_to_it(browse, tmp_path):
    with live.Site(tmp_path, REQUIRE_ADMIN_2FA="1") as strict:
        strict.add("carol", "--admin")
        page = browse(SimpleNamespace(address=f"http://localhost:{strict.port}"))
        Device(page)
        send_password(page, "carol", "/auth/login?next=/moderate-admin")
        page.get_by_label("Your password").fill(live.PASSWORD)
        page.get_by_role("button", name="Go on").click()
        expect(page.get_by_text("Administrators of this site need this.")).to_be_visible()
        page.goto("/moderate-admin")
        expect(page.get_by_role("heading", level=1, name="Two-step sign-in")).to_be_visible()

        page.get_by_role("button", name="Add a passkey").click()
        expect(page.get_by_role("heading", level=1, name="Your recovery codes")).to_be_visible()
        page.goto("/moderate-admin")
        assert page.url.endswith("/moderate-admin")


def test_the_pages_are_accessible_and_fit_a_narrow_phone(visit, member):
    page = visit(viewport={"width": 360, "height": 740}, color_scheme="light")
    Device(page)

    def looked_at():
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert violations(page) == []
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")

    send_password(page, member)
    page.goto("/auth/reauthenticate")
    looked_at()
    open_settings(page)
    looked_at()
    page.get_by_role("button", name="Set up an app").click()
    looked_at()
    page.get_by_role("textbox", name="Code").fill("x")
    page.get_by_role("button", name="Turn on").click()
    looked_at()
    page.goto("/auth/second-factor/settings")
    set_up_app(page)
    looked_at()
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_role("textbox", name="Name").fill("W" * 64)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("W" * 64, exact=True)).to_be_visible()
    looked_at()
    sign_out(page)
    send_password(page, member)
    looked_at()
    page.get_by_text("Use a recovery code").click()
    page.get_by_label("Recovery code").fill("x")
    page.get_by_role("button", name="Sign in with it").click()
    looked_at()
