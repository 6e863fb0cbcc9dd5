"""Pictures copied from Gravatar, here a real HTTP server."""

import hashlib
import os
import time

import pytest
from test_thumbnails import host, picture  # noqa: F401, a fixture

from models import User
from talks import avatars
from talks.gravatars import fetch_avatars, picture_of

ADA = hashlib.sha256(b"ada@example.org").hexdigest()


@pytest.fixture
def fetch(host, tmp_path):  # noqa: F811
    return lambda setting="gravatar": fetch_avatars({"AVATARS": setting}, tmp_path, host.address)


@pytest.fixture
def known(host, ada):  # noqa: F811
    """Gravatar knows Ada's address."""
    host.serves(picture_of(ada.email, ""), picture())
    return ada


def avatar(user):
    return User.get_by_id(user.id).avatar


def files(tmp_path):
    return sorted(path.name for path in (tmp_path / "avatars").glob("*"))


def test_a_picture_is_copied_and_served_by_us(known, fetch, tmp_path):
    assert fetch() == "1 pictures copied, 0 accounts without one."

    assert avatars.NAME.fullmatch(avatar(known))
    assert files(tmp_path) == [avatar(known)]


def test_gravatar_learns_a_digest_of_the_address_alone(known, fetch, host):  # noqa: F811
    fetch()

    assert host.asked == [f"/avatar/{ADA}?s=256&d=404&r=g"]


def test_nothing_is_asked_unless_the_setting_says_so(known, fetch, host):  # noqa: F811
    assert fetch("generated").startswith("Nothing was fetched")
    assert host.asked == []


@pytest.mark.parametrize(
    "values",
    [
        {"avatar": "0" * 32 + ".webp"},
        {"avatar": User.NO_PICTURE},
        {"is_active": False},
        {"email": None},
        {"confirmed_at": None},
    ],
    ids=["has one", "wants none", "blocked", "unclaimed", "unconfirmed"],
)
def test_others_are_not_asked_for(known, fetch, host, values):  # noqa: F811
    User.update(values).execute()
    fetch()

    assert host.asked == []


def test_who_is_unknown_there_keeps_the_drawn_picture(ada, fetch, tmp_path):
    assert fetch() == "0 pictures copied, 1 accounts without one."
    assert avatar(ada) == "" and files(tmp_path) == []


def test_a_copy_is_made_anew_after_a_month(known, fetch, tmp_path, host):  # noqa: F811
    fetch()
    first = avatar(known)
    fetch()
    assert (avatar(known), len(host.asked)) == (first, 1)

    os.utime(tmp_path / "avatars" / first, (time.time() - 31 * 86_400,) * 2)
    fetch()

    assert avatar(known) != first
    assert files(tmp_path) == [avatar(known)]


@pytest.mark.parametrize("body", [b"<svg/>", b"", picture()[:300]])
def test_what_is_no_picture_is_not_kept(ada, fetch, tmp_path, host, body):  # noqa: F811
    host.serves(picture_of(ada.email, ""), body)
    fetch()

    assert avatar(ada) == "" and files(tmp_path) == []


def test_a_host_that_fails_is_left_alone(database, fetch, host):  # noqa: F811
    for number in range(9):
        email = f"{number}@example.org"
        User.create(username=f"u{number}", email=email, confirmed_at=User.member_since.default())
        host.serves(picture_of(email, ""), status=500)

    assert fetch().endswith("Gravatar does not answer.")
    assert len(host.asked) == 5


def test_an_upload_meanwhile_wins(known, fetch, tmp_path, monkeypatch):
    real = avatars.made_anew

    def slow(content):
        monkeypatch.undo()
        avatars.put_up(User.get_by_id(known.id), picture(color="red"), tmp_path / "avatars")
        return real(content)

    monkeypatch.setattr(avatars, "made_anew", slow)
    fetch()

    assert not avatar(known).startswith("g")
    assert files(tmp_path) == [avatar(known)]
