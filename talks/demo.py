"""The demo: the bundled sample, what is said under its talks and in the journal, and three people."""

import json
import os
import secrets
from datetime import date, timedelta
from pathlib import Path

from models import Talk, User, database, utcnow
from talks import accounts, demo_comments, demo_entries, passwords, publishing, speakers
from talks.exchange import pyvideo

SAMPLE = Path(__file__).parent / "sample"
DOMAIN = "@demo.example"
ROLES = {
    "member": {},
    "speaker": {"is_speaker": True},
    "administrator": {"is_admin": True, "is_speaker": True},
}
TALKS = (  # status, days since they were given, values
    (
        "published",
        37,
        {
            "title": "A letter is a row: sending mail without losing any",
            "description": "An invented talk, to try questions on. The postmaster of Nowhere writes each "
            "letter into a table before it goes out, and crosses it off when it has arrived. Why that is "
            "enough, what a second copy costs, and what to do while the road is closed.\n\n"
            "Questions under this talk closed by themselves after three weeks.",
            "event": "Conference of Nowhere",
            "venue": "Nowhere",
            "tags": ["mail", "reliability", "demo"],
            "language": "en",
        },
    ),
    (
        "published",
        36,
        {
            "title": "One file is enough: ten years of a village library in SQLite",
            "description": "An invented talk, to try questions on. A library that does not exist lends four "
            "thousand books that nobody has written, and keeps all of it in one file. Why that was enough, "
            "what nearly went wrong in the sixth year, and where the backup is.\n\n"
            "Sign in as the demo's speaker to answer, and to decide about what waits.",
            "event": "Conference of Nowhere",
            "venue": "Nowhere",
            "tags": ["SQLite", "backup", "demo"],
            "language": "en",
        },
    ),
    (
        "published",
        1,
        {
            "title": "Try me: edit this talk, unpublish it, delete it and bring it back",
            "description": "This talk belongs to the demo's speaker and was never given. Sign in as the "
            "speaker, open it and press **Edit**.\n\nThe description is *Markdown*: lists, links and "
            "`code` work.",
            "event": "The demo",
            "tags": ["demo"],
        },
    ),
    (
        "draft",
        0,
        {
            "title": "A draft, not yet for everybody",
            "description": "Add a video address and publish it.",
            "tags": ["demo"],
        },
    ),
)


class NotTheDemo(ValueError):
    """The database is somebody's own."""


def load(instance_path):
    """Import what is missing of the sample, keep what was written; returns three sign-ins as lines.

    What is not an import is written in one transaction: a load that was killed begins it again.

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
        people = {role: User.by_email(role + DOMAIN) for role in ROLES}
        demo_entries.load(people["administrator"])  # the member's first one waits: nobody knows them yet
        demo_comments.load(people)
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
        publish_talks(user)
    return password


def publish_talks(speaker):
    """The demo speaker's own talks, as if each had been published on the day on which it was given."""
    for status, days, values in TALKS:
        values = values | {"speakers": [], "date": date.today() - timedelta(days=days)}
        talk = publishing.save(None, values, speaker, status)
        at = utcnow() - timedelta(days=days)
        published_at = talk.published_at and at
        Talk.update(created_at=at, updated_at=at, published_at=published_at).where(
            Talk.id == talk.id
        ).execute()
