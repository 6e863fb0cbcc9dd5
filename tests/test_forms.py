"""What forms of pages read: text. Whatever else is sent in the place of one breaks no page."""

import io

import pytest
from conftest import TOKEN, only_sqlite

VISITORS = {
    "/auth/login": ("email", "password", "remember_me"),
    "/auth/register": ("username", "email", "password", "password2"),
    "/auth/reset": ("email",),
    "/auth/confirm": ("email",),
}
MEMBERS = {
    "/auth/password": ("old_password", "password", "password2"),
    "/auth/email": ("email", "password"),
    "/auth/reauthenticate": ("password",),
    "/profile": ("name", "location", "website", "bio"),
    "/profile/picture": ("picture",),
    "/profile/publish": ("words",),
    "/profile/delete": ("words", "password"),
    "/journal/new": ("title", "body", "talk"),
    "/admin/users/new/": ("username", "email", "name", "is_admin"),
    "/admin/tags/new/": ("name",),
}
FIELDS = VISITORS | MEMBERS
pytestmark = only_sqlite


@pytest.fixture
def sent(client, as_carol):
    """Post to an address as who may; the status of the answer."""

    def send(address, **what):
        browser = client if address in VISITORS else as_carol
        page = "/profile" if address == "/profile/picture" else address
        token = TOKEN.search(browser.get(page).text)[1]
        return browser.post(address, headers={"X-CSRFToken": token}, **what).status_code

    return send


@pytest.mark.slow
@pytest.mark.parametrize("address", FIELDS)
def test_a_file_is_no_text(sent, address):
    for field in FIELDS[address]:
        filled = dict.fromkeys(FIELDS[address], "x" * 12) | {field: (io.BytesIO(b"x"), "x.txt")}
        assert sent(address, data=filled, content_type="multipart/form-data") in (200, 303, 422), field


@pytest.mark.slow
@pytest.mark.parametrize("address", FIELDS)
def test_json_is_no_form(sent, address):
    wrong = [{field: value} for field in FIELDS[address] for value in (5, True, None, ["a", {}], {"a": 1})]
    for what in ([1], "x", 5, None, {}, *wrong):
        assert sent(address, json=what) in (200, 422), what
