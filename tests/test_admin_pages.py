"""The panel's pages: what heads them, what a list says of a text, what a form refuses as the site's does."""

from datetime import date, timedelta
from html import unescape

import pytest
from conftest import only_sqlite
from panelling import VIEWS, noted, send, stock

from models import Comment, Tag, Talk, User, utcnow
from talks import markup

pytestmark = only_sqlite


@pytest.fixture
def stocked(carol, ada, bob):
    return stock(ada, bob, carol)


@pytest.mark.parametrize("page", ["edit", "details"])
def test_the_page_of_a_person_is_headed_with_name_and_username(as_carol, bob, page):
    text = as_carol.get(f"/admin/users/{page}/?id={bob.id}").text

    assert '<h1 dir="auto">Bob (bob)</h1>' in text
    assert f"People, no. {bob.id}" in text


@pytest.mark.parametrize("table", VIEWS)
def test_the_page_of_each_row_is_headed_with_what_it_is_about(as_carol, stocked, table):
    text = as_carol.get(f"/admin/{table}/details/?id=1").text

    heading = text.partition('<h1 dir="auto">')[2].partition("</h1>")[0]
    assert heading.strip(" …")
    assert "no. 1" in text


def test_a_comment_is_excerpted_without_marks(as_carol, stocked):
    body = "| a | b |\n|---|---|\n| **c** | d |"
    Comment.update(body=body, body_html=markup.render(body)).execute()

    text = as_carol.get("/admin/comments/").text
    assert "a b c d" in " ".join(text.split())
    assert "|---|" not in text and "**c**" not in text


def test_an_excerpt_of_html_that_breaks_off_shows_no_half_of_a_tag(as_carol, stocked):
    Comment.update(body_html='<p>One</p><p><a href="https://example.org/' + "x" * 3000).execute()

    row = as_carol.get("/admin/comments/").text.partition('<td class="col-excerpt">')[2].partition("</td>")[0]
    assert ">One</a>" in row


def test_the_name_of_a_deleted_account_stays_as_it_is(as_carol, bob):
    User.update(gone_at=utcnow(), email=None, is_active=False).where(User.id == bob.id).execute()

    answer = send(as_carol, f"/admin/users/edit/?id={bob.id}", name="Somebody")

    assert answer.status_code == 422
    assert "Its owner has deleted this account." in answer.text
    assert User.get_by_id(bob.id).name == "Bob"
    assert noted() == []


@pytest.mark.parametrize("address", ["/admin/tags/new/", "/admin/tags/edit/?id=1"])
def test_a_tag_has_no_comma(as_carol, stocked, address):
    answer = send(as_carol, address, name="x,y")

    assert answer.status_code == 422
    assert "A comma separates tags" in answer.text
    assert not Tag.select().where(Tag.name == "x,y").exists()


def test_a_talk_is_at_most_two_years_ahead(as_carol, stocked):
    for day in ("9999-12-31", "9999-12-31 10:00", f"{date.today() + timedelta(days=732)}"):
        answer = send(as_carol, "/admin/talks/edit/?id=1", date=day)
        assert answer.status_code == 422, day
        assert "more than two years ahead" in unescape(answer.text)
    assert not Talk.select().where(Talk.date > f"{date.today() + timedelta(days=731)}").exists()


def test_an_administrator_signs_out_from_the_panel(as_carol, carol):
    text = as_carol.get("/admin/").text

    assert '<form method="post" action="/auth/logout">' in text
    assert 'href="/auth/account"' in text
    assert as_carol.submit("/auth/logout", page="/admin/").status_code == 303
    assert as_carol.get("/admin/").status_code == 303
