"""Second factors: the codes of an authenticator app, recovery codes, and what holds for passkeys as well.

A user has one app at most, any number of passkeys (talks/passkeys.py), and with either of them ten recovery
codes. What was used once is used up by the database, in one statement: of two who come at once one succeeds.
"""

import hashlib
import re
import secrets
import time
from datetime import timedelta
from typing import NamedTuple

import pyotp
import segno
from flask import current_app
from markupsafe import Markup

from models import Credential, User, database, utcnow
from talks import account_mail, audit, sessions, waits

TOTP, PASSKEY, RECOVERY = "totp", "passkey", "recovery"
FACTORS = (TOTP, PASSKEY)
STEPS_OFF = 1  # of 30 seconds, that a clock may go wrong
PENDING = timedelta(hours=1)  # for an app to show its first code
CODES = 10
# Crockford's: no letter looks like a digit, and what was misread can be put right.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
CODE_LENGTH, GROUP = 15, 5  # 75 bits: a plain digest is enough
MISREAD = str.maketrans("oil", "011")
TOLD = {  # what a mail says: subject, sentence
    "app_added": (
        "An authenticator app was added",
        "An authenticator app was added to your account: signing in now asks for a code from it.",
    ),
    "app_removed": (
        "The authenticator app was removed",
        "The authenticator app was removed from your account.",
    ),
    "passkey_added": (
        "A passkey was added",
        "The passkey “{name}” was added to your account: it can now finish signing in.",
    ),
    "passkey_removed": ("A passkey was removed", "The passkey “{name}” was removed from your account."),
    "codes_made": (
        "New recovery codes",
        "New recovery codes were made for your account. The old ones no longer work.",
    ),
    "code_used": (
        "A recovery code was used",
        "A recovery code was used to sign in to your account. Left of the ten: {left}.",
    ),
    "guessed": (
        "Somebody may know your password",
        "Somebody gave your right password, and then wrong codes, more often than by a slip of the finger.",
    ),
    "all_removed": (
        "Two-step sign-in was switched off",
        "Everything that signing in asked for after the password was removed from your account.",
    ),
}


class Factors(NamedTuple):
    """What a user has: `app` is None or a Credential, `made_at` is when the recovery codes were made."""

    app: Credential | None
    passkeys: list
    codes_left: int
    made_at: object

    def __bool__(self):
        return bool(self.app or self.passkeys)


def tell(user, event, **values):
    """Write to `user` what became of their factors, in the transaction of it."""
    subject, sentence = TOLD[event]
    account_mail.tell(user, "second_factor", subject=subject, said=sentence.format(**values))


def is_needed(user):
    """Whether a password alone does not let `user` in."""
    return Credential.confirmed(user).where(Credential.kind.in_(FACTORS)).exists()


def is_required(user):
    """Whether `user`, who may be a visitor, has to have one to administrate."""
    return current_app.config["REQUIRE_ADMIN_2FA"] and user.is_authenticated and user.may_administrate


def is_missing(user):
    """Whether `user` is an administrator who has to set one up before being one."""
    return is_required(user) and not is_needed(user)


def takes_passwords_alone(user):
    """Whether programs may act for `user` with nothing but the password."""
    return not is_required(user) and not is_needed(user)


def factors_of(user):
    found = list(Credential.confirmed(user).order_by(Credential.id))
    codes = [row for row in found if row.kind == RECOVERY]
    return Factors(
        app=next((row for row in found if row.kind == TOTP), None),
        passkeys=[row for row in found if row.kind == PASSKEY],
        codes_left=sum(row.used_at is None for row in codes),
        made_at=codes[0].created_at if codes else None,
    )


def begin_app(user):
    """Make a secret for an app, which counts once the app has shown a code of it."""
    with database.atomic():
        Credential.delete().where(
            Credential.user == user, Credential.kind == TOTP, Credential.confirmed_at.is_null()
        ).execute()
        return Credential.create(user=user, kind=TOTP, secret=pyotp.random_base32())


def pending_app(user):
    """The app that is being set up, or None."""
    waiting = Credential.user == user, Credential.kind == TOTP, Credential.confirmed_at.is_null()
    young = Credential.created_at > utcnow() - PENDING
    return Credential.select().where(*waiting, young).order_by(Credential.id.desc()).first()


def finish_app(user, pending, code):
    """Turn `pending` on, as `code` shows that the app has its secret; it takes the place of another app.

    None if the code is wrong, else the recovery codes that were made: none where there were some before.
    """
    step = step_of(pending, code)
    if step is None:
        return None
    with database.atomic():
        User.lock(user.id)
        values = {"confirmed_at": utcnow(), "counter": step}
        still = Credential.id == pending.id, Credential.confirmed_at.is_null()
        if not Credential.update(values).where(*still).execute():
            return None
        others = Credential.user == user, Credential.kind == TOTP, Credential.id != pending.id
        Credential.delete().where(*others).execute()
        return added(user, "app")


def added(user, what, name=""):
    """Note and tell that `user` has a factor more; returns the recovery codes that came with the first.

    With the first, sessions and tokens of the API that a password alone began end, but for the one in which
    `user` is signed in. Call it in the transaction that added it.
    """
    audit.record("second_factor.add", user, by=user, kind=what, name=name)
    tell(user, f"{what}_added", name=name)
    if Credential.select().where(Credential.user == user, Credential.kind == RECOVERY).exists():
        return []
    sessions.go_on_alone(user, user.session_token)
    return make_codes(user)


def step_of(app, code, now=None):
    """The time step that `code` belongs to, if it is one of `app` within a step of now; else None."""
    code = re.sub(r"[\s-]", "", code)
    if not re.fullmatch("[0-9]{6}", code):
        return None
    try:
        return pyotp.TOTP(app.secret).verify_and_get_timecode(
            code, for_time=time.time() if now is None else now, valid_window=STEPS_OFF
        )
    except pyotp.OTPVerificationError:
        return None


def take_code(user, code):
    """Use a code of the app of `user`. False if it is wrong, or was used before, or a later one was."""
    app = Credential.confirmed(user).where(Credential.kind == TOTP).first()
    step = app and step_of(app, code)
    if not step:
        return False
    unused = Credential.id == app.id, Credential.counter < step
    return Credential.update(counter=step, used_at=utcnow()).where(*unused).execute() == 1


def take_recovery_code(user, code):
    """Use one of the recovery codes of `user` up. False if it is none, or was used before."""
    with database.atomic():
        unused = Credential.user == user, Credential.key == digest(user, code), Credential.used_at.is_null()
        if not Credential.update(used_at=utcnow()).where(*unused, Credential.kind == RECOVERY).execute():
            return False
        left = factors_of(user).codes_left
        audit.record("second_factor.use_recovery_code", user, by=user, left=left)
        tell(user, "code_used", left=left)
    return True


def suspect(user):
    """Tell `user`, at most once a day, that somebody who knows the password tries codes."""
    with database.atomic():
        if waits.take("warnings of", user.id, 1):
            audit.record("second_factor.suspect", user)
            tell(user, "guessed")


def renew_codes(user):
    """Ten new recovery codes; the old ones are void. None for who has no factor to recover from."""
    with database.atomic():
        User.lock(user.id)
        if not is_needed(user):
            return None
        audit.record("second_factor.renew_recovery_codes", user, by=user)
        tell(user, "codes_made")
        return make_codes(user)


def make_codes(user):
    """Ten recovery codes in the place of those before. Only their digests are kept. In a transaction."""
    codes = ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODES)]
    Credential.delete().where(Credential.user == user, Credential.kind == RECOVERY).execute()
    now = utcnow()
    Credential.insert_many(
        {"user": user, "kind": RECOVERY, "key": digest(user, code), "created_at": now, "confirmed_at": now}
        for code in codes
    ).execute()
    return ["-".join(code[at : at + GROUP] for at in range(0, CODE_LENGTH, GROUP)) for code in codes]


def digest(user, code):
    """What is kept of a recovery code; the same however it is typed."""
    plain = re.sub(r"[\W_]", "", code.lower(), flags=re.ASCII).translate(MISREAD)
    return hashlib.sha256(f"{user.id} {plain}".encode("utf-8", "replace")).hexdigest()


def remove(credential, by):
    """Take an app or a passkey off its user; with the last one the recovery codes go. False if it is gone."""
    user = credential.user
    with database.atomic():
        User.lock(user.id)
        if not Credential.delete().where(Credential.id == credential.id).execute():
            return False
        what = "app" if credential.kind == TOTP else credential.kind
        if not is_needed(user):
            Credential.delete().where(Credential.user == user).execute()
        audit.record("second_factor.remove", user, by=by, kind=what, name=credential.name)
        tell(user, f"{what}_removed", name=credential.name)
    return True


def remove_all(user, by=None):
    """Take every factor off `user`, who has lost them. False if there was none."""
    with database.atomic():
        User.lock(user.id)
        had = is_needed(user)
        Credential.delete().where(Credential.user == user).execute()
        if had:
            audit.record("second_factor.remove_all", user, by=by)
            tell(user, "all_removed")
    return had


def address_for_apps(app, site_name):
    """What an authenticator app reads: otpauth://…"""
    totp = pyotp.TOTP(app.secret)
    return totp.provisioning_uri(name=app.user.email, issuer_name=site_name[: User.name.max_length])


def picture_of(text):
    """A QR code of `text` as SVG without styles. It is drawn dark on light: not every camera reads others."""
    drawn = segno.make(text, error="m", micro=False)
    return Markup(drawn.svg_inline(border=4, omitsize=True, svgclass="qr", lineclass=None, light="#fff"))
