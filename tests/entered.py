"""Entries of the journal as they stand in the database, and their form, for tests of what writes them."""

from browsing import Form

from models import Entry
from talks import journal


def values(title="A title", body="Some *words*.", talk=None):
    return {"title": title, "body": body, "talk": talk}


def written(author, title="A title", body="Some *words*.", talk=None):
    return journal.write(author, values(title, body, talk), "here")


def an_entry(author, status="approved", title="A title", **more):
    """An entry as a row; nothing was judged."""
    return Entry.create(
        author=author, title=title, title_key=Entry.key_of(title), body="Words.", body_html="<p>Words.</p>",
        status=status, **more,
    )  # fmt: skip


def whole(entry):
    return Entry.whole([entry.id])[0]


def form_at(browser, address):
    return Form(browser.get(address).text, "entry-form").fields


def send(browser, address, **changes):
    """Fill in the form at `address` and send it."""
    return browser.post(address, data=form_at(browser, address) | changes)


def status_of(entry):
    return Entry.get_by_id(entry.id).status
