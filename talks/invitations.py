"""Inviting somebody by mail to make a profile theirs: one address, once, for a week.

The link is signed when the mail is built. Who has it reads that address: that is all it shows. They take the
profile over with the account they are signed in with, or make the profile their account.
"""

from datetime import timedelta

from models import Claim, User, database, utcnow
from talks import account_mail, audit, claims, merging, passwords, tokens
from talks.offers import one_line

SECONDS = 7 * 24 * 3600
USED = "This invitation was used, or taken back, or there is a newer one."

account_mail.LINKS["invitation"] = lambda secret, mail: tokens.sign(
    secret, "invitation", mail.payload["invitation"]
)


def invite(profile, email, by):
    """Invite who reads `email` to make `profile` theirs; an earlier invitation to it ends. Raises Refused."""
    if not by.may_administrate:
        raise claims.NotAllowed
    with database.atomic():
        if not User.get_by_id(profile.id).is_unclaimed:
            raise claims.Refused(str(merging.NotUnclaimed()))
        waiting = Claim.profile == profile, Claim.kind == "invitation", Claim.status == "open"
        for earlier in list(Claim.select().where(*waiting)):
            earlier.settle("withdrawn")
        made = Claim.create(kind="invitation", profile=profile, email=email)
        name, inviter = one_line(profile.shown_name), one_line(by.shown_name)
        account_mail.write(email, "invitation", invitation=made.id, profile=name, by=inviter)
        audit.record("profile.invite", profile, by=by)
    return made


def waiting():
    """Those that still can be followed (a query)."""
    since = utcnow() - timedelta(seconds=SECONDS)
    return Claim.select().where(Claim.kind == "invitation", Claim.status == "open", Claim.created_at > since)


def read(secret, token):
    """The open invitation that the link is for, with its profile. Raises TokenError."""
    id_ = tokens.read(secret, "invitation", token, SECONDS)
    claim = Claim.get_or_none(Claim.id == id_, Claim.kind == "invitation")
    if claim is None or claim.status != "open" or not claim.profile.is_unclaimed:
        raise tokens.TokenError(USED)
    if claim.created_at < utcnow() - timedelta(seconds=SECONDS):  # a mail may be sent late
        raise tokens.TokenExpired
    return claim


def accept_as(claim, account):
    """Let `account` take the invited profile over. Raises Refused."""
    if not account.may_write:
        raise claims.Refused("Confirm the e-mail address of your account first.")
    _accept(claim, account, lambda: merging.merge(claim.profile, account, account))


def accept_anew(claim, password):
    """Make the invited profile an account with that password; returns it. Raises Refused."""
    hashed = passwords.hash_password(password)  # before the transaction: others wait for it
    return _accept(claim, None, lambda: merging.make_account(claim.profile, claim.email, hashed))


def _accept(claim, account, act):
    try:
        with database.atomic():
            if not claim.settle("accepted"):
                raise claims.Refused(USED)
            if account is None and has_account(claim.email):
                raise claims.Refused("That address has an account by now. Sign in, then open the link again.")
            claims.close_others(claim, account or claim.profile)
            return act()
    except merging.NotUnclaimed as refusal:
        raise claims.Refused(str(refusal)) from None


def has_account(email):
    return User.by_email(email) is not None
