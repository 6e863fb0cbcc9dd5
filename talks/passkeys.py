"""Passkeys as second factor (W3C Web Authentication, level 2).

A challenge stands in the browser's session, with what it is for and the moment it was made. The first answer
takes it out. A copy of that session could bring it again: so no passkey answers a challenge older than the
passkey's last use, and the database says which of two answers comes first.
"""

import ipaddress
import json
import secrets
import time
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import webauthn
from peewee import IntegrityError
from webauthn.helpers import (
    base64url_to_bytes,
    bytes_to_base64url,
    encode_cbor,
    options_to_json,
    parse_cbor,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from models import Credential, User, database, utcnow
from talks import second_factor
from talks.networks import keyed
from talks.second_factor import PASSKEY

MOST = 20  # of one user
LONGEST = 20_000  # characters of an answer; those with all certificates of a TPM have 6,000
CHALLENGE = "passkey_challenge"  # its key in the browser's session
SECONDS = 300
PORTS = {"http": 80, "https": 443}
# What a made-up answer makes the library raise.
MALFORMED = (WebAuthnException, ValueError, TypeError, KeyError, IndexError, AttributeError)


class Refused(ValueError):
    """Why a passkey was not taken; the message is fit to be shown."""


class RelyingParty(NamedTuple):
    """The site as browsers know it: a passkey belongs to the name of a host, its answers to an origin."""

    id: str
    origin: str

    @property
    def has_name(self):
        """Whether there can be passkeys here: browsers make none for an address in numbers."""
        try:
            ipaddress.ip_address(self.id)
        except ValueError:
            return True
        return False


def relying_party(address):
    """The site at `address`: https://talks.example.org."""
    parts = urlsplit(address)
    host = parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
    shown = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, PORTS.get(parts.scheme)) else f":{parts.port}"
    return RelyingParty(host, f"{parts.scheme}://{shown}{port}")


def creation_options(user, party, site_name, secret, kept):
    """What a browser is told to make a new passkey, as JSON. `kept` is its session."""
    options = webauthn.generate_registration_options(
        rp_id=party.id, rp_name=site_name, user_name=user.email, user_display_name=user.shown_name,
        # Always the same, so that a device that has a passkey of this account knows it; and it names nobody.
        user_id=bytes.fromhex(keyed(secret, f"passkeys of {user.id}")),
        challenge=new_challenge(kept, "add"), timeout=SECONDS * 1000, exclude_credentials=descriptors(user),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.DISCOURAGED,  # the password is the other factor
        ),
    )  # fmt: skip
    return options_to_json(options)


def request_options(user, party, kept):
    """What a browser is told to use one of the passkeys of `user`, as JSON. `kept` is its session."""
    options = webauthn.generate_authentication_options(
        rp_id=party.id, challenge=new_challenge(kept, "answer"), timeout=SECONDS * 1000,
        allow_credentials=descriptors(user), user_verification=UserVerificationRequirement.DISCOURAGED,
    )  # fmt: skip
    return options_to_json(options)


def add(user, sent, name, party, kept):
    """Take the new passkey that a browser tells of in `sent`; recovery codes as in `second_factor.added`.

    Raises Refused.
    """
    challenge, _ = take_challenge(kept, "add")
    try:
        verified = webauthn.verify_registration_response(
            credential=without_attestation(json_object(sent)), expected_challenge=challenge,
            expected_rp_id=party.id, expected_origin=party.origin,
        )  # fmt: skip
    except MALFORMED:
        raise Refused("Your browser's answer was not what this site asked for. Try again.") from None
    key = bytes_to_base64url(verified.credential_id)
    public_key = bytes_to_base64url(verified.credential_public_key)
    if len(key) > Credential.key.max_length or len(public_key) > Credential.secret.max_length:
        raise Refused("That device makes passkeys too long for this site. Use another one.")
    try:
        with database.atomic():
            User.lock(user.id)
            count = Credential.select().where(Credential.user == user, Credential.kind == PASSKEY).count()
            if count >= MOST:
                raise Refused(f"You have {MOST} passkeys, which is the most. Remove one first.")
            name = name or (f"Passkey {count + 1}" if count else "Passkey")
            Credential.create(
                user=user, kind=PASSKEY, key=key, secret=public_key, name=name, counter=verified.sign_count,
                confirmed_at=utcnow(),
            )  # fmt: skip
            return second_factor.added(user, "passkey", name)
    except IntegrityError:
        raise Refused("That passkey belongs to an account here already.") from None


def accept(user, sent, party, kept):
    """Whether `sent` is the answer of one of the passkeys of `user` to the challenge. Raises Refused."""
    challenge, made_at = take_challenge(kept, "answer")
    found = json_object(sent)
    own = Credential.confirmed(user).where(Credential.kind == PASSKEY)
    passkey = own.where(Credential.key == str(found.get("id"))).first()
    if passkey is None:
        return False
    try:
        verified = webauthn.verify_authentication_response(
            credential=found, expected_challenge=challenge, expected_rp_id=party.id,
            expected_origin=party.origin, credential_public_key=base64url_to_bytes(passkey.secret),
            credential_current_sign_count=passkey.counter,
        )  # fmt: skip
    except MALFORMED:
        return False
    unused = Credential.used_at.is_null() | (Credential.used_at < made_at)
    same = Credential.id == passkey.id, Credential.counter == passkey.counter
    # Not before the challenge, should another machine's clock be behind.
    values = {"counter": verified.new_sign_count, "used_at": max(utcnow(), made_at)}
    return Credential.update(values).where(*same, unused).execute() == 1


def new_challenge(kept, purpose):
    challenge = secrets.token_bytes(32)
    kept[CHALLENGE] = [purpose, challenge.hex(), time.time()]
    return challenge


def take_challenge(kept, purpose):
    """(challenge, when it was made). It is good for one answer. Raises Refused when there is none."""
    of, challenge, made_at = kept.pop(CHALLENGE, None) or ("", "", 0.0)
    if of != purpose or not 0 <= time.time() - made_at < SECONDS:
        raise Refused("That took too long, or was sent twice. Try again.")
    return bytes.fromhex(challenge), datetime.fromtimestamp(made_at, UTC)


def without_attestation(answer):
    """`answer` without the statement about who made the device. Raises one of MALFORMED.

    Nobody asked for one, and what it is made of (certificates, tokens) is better not taken apart.
    """
    whole = parse_cbor(base64url_to_bytes(answer["response"]["attestationObject"]))
    plain = encode_cbor({"fmt": "none", "attStmt": {}, "authData": whole["authData"]})
    return answer | {"response": answer["response"] | {"attestationObject": bytes_to_base64url(plain)}}


def descriptors(user):
    """The passkeys of `user`, as browsers are told of them."""
    keys = Credential.confirmed(user).where(Credential.kind == PASSKEY).order_by(Credential.id)
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(row.key)) for row in keys]


def json_object(text):
    """The JSON object that `text` is. Raises Refused."""
    try:
        found = json.loads(text) if len(text) <= LONGEST else None
    except (ValueError, RecursionError):  # the second: [[[[[…
        found = None
    if not isinstance(found, dict):
        raise Refused("Your browser's answer could not be read. Try again.")
    return found
