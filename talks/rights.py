"""What an account may do, and that somebody can always administrate."""

from models import User, database
from talks import audit, refusals

RIGHTS = ("is_admin", "is_speaker", "is_trusted", "is_active")


class NotPossible(refusals.Refused):
    """Why an account cannot have these rights."""


def set_rights(user, values, by):
    """Give and take the rights in `values` ({"is_speaker": True}). False: no change. Raises NotPossible.

    Who is blocked (`is_active` False) is signed out everywhere, and stays so when let in again.
    """
    with database.atomic():
        for name in ("is_admin", "is_active"):
            if values.get(name) is False:
                keep_an_administrator(user, name)
        User.lock(user.id)
        now = User.get_by_id(user.id)
        changed = {
            name: values[name] for name in RIGHTS if name in values and values[name] != getattr(now, name)
        }
        if not changed:
            return False
        check(now, changed)
        epoch = {"session_epoch": now.session_epoch + 1} if "is_active" in changed else {}
        User.update(changed | epoch).where(User.id == user.id).execute()
        user.__data__.update(changed | epoch)
        audit.record("user.rights", user, by=by, **changed)
    return True


def check(user, changed):
    """Raise NotPossible for rights that `user` cannot have."""
    if changed.get("is_admin") and not user.has_address:
        raise NotPossible("Nobody can sign in here yet: there is no confirmed e-mail address.", "is_admin")
    if changed.get("is_active") and user.gone_at:
        raise NotPossible("Its owner has deleted this account. It stays closed.", "is_active")


def keep_an_administrator(user, field=""):
    """Raise NotPossible if nobody could administrate without `user`.

    Call it first in the transaction that takes the account's rights or the account away. It reads by writing:
    who does the same at the same time waits, and then sees what came of this. A plain SELECT would not, where
    a transaction goes on seeing what it saw first.
    """
    administrators = User.is_admin, User.is_active
    same = User.update(is_admin=User.is_admin).where(*administrators)  # all of them, so that none deadlock
    if same.execute() and not same.where(User.id != user.id).execute():
        raise NotPossible("This is the only administrator. Make somebody else one first.", field)
