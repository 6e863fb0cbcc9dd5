"""The panel as people use it: its forms filled in, its rows ticked; and rows in every table of it."""

import re
from datetime import date
from html import unescape

from live import TOKEN
from written import a_talk

import main
from models import AuditEvent, Comment, Credential, Entry, Event, OutboxMail, Session, Tag, utcnow
from talks import publishing

VIEWS = ("users", "talks", "events", "tags", "comments", "entries", "outbox", "audit")


def view_of(table):
    return next(v for v in main.app.extensions["admin"][0]._views if v.endpoint == f"panel_{table}")


def stock(ada, bob, carol):
    """A row in every table of the panel, with every secret that could stand in one.

    Returns the event, the talk, the comment and the entry.
    """
    event = Event.create(slug="map-days", title="Map Days")
    talk = a_talk(ada, title="Boundaries", status="published", event=event, date=date(2024, 5, 31))
    publishing.recount(publishing.shown_in(talk))
    comment = Comment.create(
        talk=talk, number=1, author_name="Eve", author_email="eve@example.org", body="What is a **map**?",
        body_html="<p>What is a <strong>map</strong>?</p>", network="digest-of-a-network",
    )  # fmt: skip
    entry = Entry.create(
        author=bob, title="On maps", title_key="onmaps", body="Words about maps.", body_html="<p>Words</p>"
    )
    Tag.named("Cartography")
    Session.begin(carol, remembered=True)
    Credential.create(user=carol, kind="totp", key="key-of-a-passkey", secret="secret-of-an-app")
    OutboxMail.create(
        message_id="id-of-a-mail", kind="comment_waits", to_email="ada@example.org", to_name="Ada", talk=talk,
        payload={"comments": [comment.id], "token": "token-in-a-mail"}, due_at=utcnow(),
    )  # fmt: skip
    AuditEvent.create(
        actor=carol, actor_name="carol", action="site.look", object_kind="site", door="page",
        network="digest-of-another-network", details={"password": "not kept"},
    )  # fmt: skip
    return event, talk, comment, entry


def trail():
    """What was noted of acts in the panel."""
    return list(AuditEvent.select().where(AuditEvent.door == "panel").order_by(AuditEvent.id))


def noted():
    return [(row.action, row.object_id, row.door) for row in trail()]


def form_at(client, address):
    """The fields of the form at an address, as a browser would send them back."""
    page = client.get(address).text
    form = page[page.index('class="admin-form"') :]
    values = {}
    for tag in re.findall(r"<input[^>]*>", form):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if found.get("type") == "checkbox" and " checked" not in tag or found.get("type") == "submit":
            continue
        if "name" in found:
            values[found["name"]] = unescape(found.get("value", ""))
    for name, text in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', form, re.S):
        values[name] = unescape(text).removeprefix("\r\n")
    for name, options in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.findall(r'<option selected value="([^"]*)"', options)
        values[name] = unescape((chosen or re.findall(r'value="([^"]*)"', options))[0])
    return values


def send(client, address, **changed):
    """Send the form at an address with some values changed; None leaves one out, as an empty box does."""
    values = form_at(client, address) | changed
    return client.post(address, data={name: value for name, value in values.items() if value is not None})


def tick(client, table, act, *ids):
    """Do an act with these rows of a list."""
    token = TOKEN.search(client.get(f"/admin/{table}/").text)[1]
    return client.post(
        f"/admin/{table}/action/",
        data={"csrf_token": token, "action": act, "rowid": [str(id_) for id_ in ids]},
    )


def remove(client, table, id_):
    token = TOKEN.search(client.get(f"/admin/{table}/").text)[1]
    return client.post(f"/admin/{table}/delete/", data={"csrf_token": token, "id": str(id_)})


def said(client, answer):
    """The page that an answer leads to, as text."""
    assert answer.status_code == 303, answer.text
    return unescape(client.get(answer.location).text)
