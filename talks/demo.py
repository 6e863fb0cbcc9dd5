"""The demo: the bundled sample, and three people to sign in as."""

import json
import os
import secrets
from datetime import date
from pathlib import Path

from models import Talk, User, database
from talks import accounts, publishing, speakers
from talks.exchange import pyvideo

SAMPLE = Path(__file__).parent / "sample"
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
        True,
    ),
    (
        {
            "title": "A draft that only its speaker sees",
            "description": "Add a video address and publish it.",
            "tags": ["demo"],
        },
        False,
    ),
)


def load(instance_path):
    """Fill what is empty, keep what was written; returns the lines to print."""
    if not Talk.select().exists():
        pyvideo.run(SAMPLE)
    file = Path(instance_path) / "demo-sign-ins.json"
    sign_ins = json.loads(file.read_text()) if file.exists() else {}
    if not User.by_email(email_of("speaker")):
        sign_ins = make_people()
        with open(os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as opened:
            json.dump(sign_ins, opened)
    width = max(len(email) for email in sign_ins) if sign_ins else 0
    return [f"{role:13}  {email:{width}}  {password}" for email, (role, password) in sign_ins.items()]


def email_of(role):
    return f"{role}@demo.example"


def make_people():
    """{address: (role, password)}; the speaker gets a talk and a draft."""
    sign_ins = {}
    with database.atomic():
        for role, rights in ROLES.items():
            password = secrets.token_urlsafe(9)
            name = f"Demo {role.capitalize()}"
            user = accounts.create_account(
                f"demo-{role}", email_of(role), password=password, name=name, **rights
            )
            sign_ins[email_of(role)] = (role, password)
            if role == "speaker":
                bio = "Not a real person: sign in as the demo's speaker to try what speakers can do."
                speakers.save_profile(user, {"bio": bio})
                for values, publish in TALKS:
                    publishing.save(None, values | {"speakers": [], "date": date.today()}, user, publish)
    return sign_ins
