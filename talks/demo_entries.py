"""The demo's journal: a dozen entries by people who do not exist, in every state.

Each is written and decided about by the verb that a click calls, and then dated back. The file is explained
in talks/sample/README.md.
"""

import json
import secrets
from datetime import timedelta
from pathlib import Path

from models import Entry, Talk, User, utcnow
from talks import accounts, journal, moderation, speakers
from talks.mentions import Mention

FILE = Path(__file__).parent / "sample" / "entries.json"
DOMAIN = "@demo.example"
NETWORK = "demo"  # where all of it comes from; no digest is like it
DECIDED = timedelta(hours=3)  # after it was written


def load(administrator):
    """Write them all, unless there are entries already. Call it in a transaction."""
    if Entry.select().exists():
        return
    file, now = json.loads(FILE.read_text(encoding="utf-8")), utcnow()
    for username, facts in file["people"].items():
        invent(username, facts)
    for told in sorted(file["entries"], key=lambda told: -told["ago"]):
        entry = write(told, administrator)
        at = now - timedelta(days=told["ago"])
        entry = Entry.get_by_id(entry.id)
        entry.created_at = at
        entry.decided_at = entry.decided_at and at + DECIDED
        entry.talk_decided_at = entry.talk_decided_at and at + 2 * DECIDED
        entry.save()


def invent(username, facts):
    """An account to which nobody has the password."""
    if User.get_or_none(User.username == username) is None:
        user = accounts.create_account(
            username, username + DOMAIN, password=secrets.token_urlsafe(24), name=facts["name"]
        )
        speakers.save_profile(user, {"location": facts["location"], "bio": facts["bio"]})


def write(told, administrator):
    """Write one entry, and decide about it as the file says."""
    author = User.get(User.username == told["by"])
    values = {"title": told["title"], "body": "\n".join(told["body"]), "talk": talk_named(told.get("talk"))}
    entry = journal.write(author, values, NETWORK)
    status = told.get("status", "approved")
    if status == "spam":
        moderation.spam(entry, administrator)
    elif status == "approved" and entry.status == "pending":
        moderation.approve(entry, administrator)
    if told.get("shown") and values["talk"]:
        moderation.approve(Mention.whole([entry.id])[0], administrator)
    return entry


def talk_named(name):
    """The talk of a record of the sample, or the demo's own of that title; None when it is gone."""
    named = (Talk.imported_key == name) | (Talk.title == name)
    return Talk.select().where(named, Talk.status == "published").order_by(Talk.id).first() if name else None
