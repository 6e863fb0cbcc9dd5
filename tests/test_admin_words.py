"""What the panel says: after a change, in its lists, about its tables."""

import inspect
import re
from html import unescape

import pytest
from flask_admin.model import BaseModelView
from panelling import VIEWS, said, send, stock, view_of

from models import Tag
from talks.panel import words


@pytest.fixture
def stocked(carol, ada, bob):
    return stock(ada, bob, carol)


# After a change


def test_a_message_says_what_was_saved(as_carol, stocked):
    made = send(as_carol, "/admin/tags/new/", name="Atlases")
    assert "The new tag is saved." in said(as_carol, made)

    talk = stocked[1]
    changed = send(as_carol, f"/admin/talks/edit/?id={talk.id}", venue="The big hall")
    assert "The talk is saved." in said(as_carol, changed)


def test_a_message_says_that_nothing_was_saved(as_carol, database):
    refused = send(as_carol, "/admin/tags/new/", name="")

    assert refused.status_code == 422
    assert "Nothing is saved yet." in refused.text and not Tag.select().exists()


def test_a_message_says_that_a_row_is_gone(as_carol, stocked):
    assert "That comment is not there any more." in said_at(as_carol, "/admin/comments/edit/?id=99")


def said_at(client, address):
    return unescape(client.get(address, follow_redirects=True).text)


def test_a_filter_says_what_it_does_not_take(as_carol, stocked):
    number = [(one.name, one.said) for one in view_of("talks")._filters].index(("Written", "since"))

    assert "The filter does not take “soon”" in said_at(as_carol, f"/admin/talks/?flt0_{number}=soon")


def test_everything_that_flask_admin_would_say_of_records_is_said_otherwise():
    source = "".join(
        inspect.getsource(getattr(BaseModelView, name))
        for name in ("create_view", "edit_view", "details_view", "export")
    )
    messages = re.findall(r'flash\(gettext\("([^"]*)"\)', source)

    assert len(messages) > 4 and set(messages) <= words.INSTEAD.keys()


@pytest.mark.parametrize("table", VIEWS)
def test_no_list_speaks_of_records(as_carol, stocked, table):
    page = said_at(as_carol, f"/admin/{table}/")

    assert not re.search(r"\brecords?\b", page, re.IGNORECASE)


def test_who_has_ticked_nothing_is_told_what_to_do(as_carol, stocked):
    assert "Tick what it is about first." in said_at(as_carol, "/admin/comments/")
