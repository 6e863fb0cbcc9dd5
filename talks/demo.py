"""The demo: the bundled sample, and three people to sign in as."""

import json
import os
import secrets
from datetime import date
from pathlib import Path

from models import User, database
from talks import accounts, demo_entries, passwords, publishing, speakers
from talks.exchange import pyvideo

SAMPLE = Path(__file__).parent / "sample"
DOMAIN = "@demo.example"
ROLES = {
    "member": {},
    "speaker": {"is_speaker": True},
    "administrator": {"is_admin": True, "is_speaker": True},
}
TALKS = (
    (
        {
            "title": "Try me: edit this talk, unpublish it, delete it and bring it back",
            "description": "This talk belongs to the demo's speaker and was never given. Sign in as the "
            "speaker, open it and press **Edit**.\n\nThe description is *Markdown*: lists, links and "
            "`code` work.",
            "event": "The demo",
            "tags": ["demo"],
        },
        "published",
    ),
    (
        {
            "title": "A draft, not yet for everybody",
            "description": "Add a video address and publish it.",
            "tags": ["demo"],
        },
        "draft",
    ),
)


class NotTheDemo(ValueError):
    """The database is somebody's own."""


def load(instance_path):
    """Import what is missing of the sample, keep what was written; returns three sign-ins as lines.

    Raises NotTheDemo for a database in which people have accounts.
    """
    own = User.select().where(User.email.is_null(False), ~User.email.endswith(DOMAIN))
    if not User.by_email("speaker" + DOMAIN) and own.exists():
        raise NotTheDemo("This database holds a site of your own; the demo goes into an empty one.")
    pyvideo.run(SAMPLE)
    file = Path(instance_path) / "demo-sign-ins.json"
    known = read_passwords(file)
    with database.atomic():
        sign_ins = {role: password_of(role, known.get(role)) for role in ROLES}
        demo_entries.load(User.by_email("administrator" + DOMAIN))
    if sign_ins != known:
        with open(os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as opened:
            json.dump(sign_ins, opened)
    return [f"{role:13}  {role + DOMAIN:26}  {password}" for role, password in sign_ins.items()]


def read_passwords(file):
    """{role: password} as the last start wrote it; empty when it cannot be read."""
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def password_of(role, known):
    """The password of the demo's person of that role: the `known` one while it works, else a new one."""
    user = User.by_email(role + DOMAIN)
    if user and known and passwords.verify(user.password_hash, known):
        return known
    password = secrets.token_urlsafe(9)
    if user:
        user.set_password(password)
        user.save()
        return password
    user = accounts.create_account(
        f"demo-{role}", role + DOMAIN, password=password, name=f"Demo {role.capitalize()}", **ROLES[role]
    )
    if role == "speaker":
        bio = "Not a real person: sign in as the demo's speaker to try what speakers can do."
        speakers.save_profile(user, {"bio": bio})
        for values, status in TALKS:
            publishing.save(None, values | {"speakers": [], "date": date.today()}, user, status)
    return password
