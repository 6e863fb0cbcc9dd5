"""Pictures of people from Gravatar, where the operator wants them: copied here by a job, served by us.

No reader's browser asks Gravatar for anything. Gravatar learns from this machine the SHA-256 of the address
of each account without a picture of its own; who has removed theirs is not asked for.
"""

import hashlib
import time
from datetime import timedelta
from pathlib import Path

from models import User, database
from talks import avatars
from talks.thumbnails import HostFailed, Unusable, download

ADDRESS = "https://gravatar.com"
GIVE_UP_AFTER = 5  # failures of the host in a row
STALE_SECONDS = timedelta(days=30).total_seconds()  # then a copy is made anew


def fetch_avatars(config, instance_path, address=ADDRESS):
    """Copy the pictures of accounts that have none, or an old copy; returns a sentence about it."""
    if config["AVATARS"] != "gravatar":
        return "Nothing was fetched: AVATARS=gravatar copies pictures from gravatar.com."
    folder = Path(instance_path) / "avatars"
    copied = failures = none = 0
    for user in list(accounts()):
        if failures == GIVE_UP_AFTER:
            break
        if not is_wanted(user, folder):
            continue
        try:
            keep(user, avatars.made_anew(download(picture_of(user.email, address))), folder)
        except HostFailed:
            failures += 1
        except (Unusable, avatars.Refused):  # mostly 404: Gravatar does not know the address
            none, failures = none + 1, 0
        else:
            copied, failures = copied + 1, 0
    stopped = " Gravatar does not answer." if failures == GIVE_UP_AFTER else ""
    return f"{copied} pictures copied, {none} accounts without one.{stopped}"


def accounts():
    """Those whose picture may be asked for (a query)."""
    ours = (User.avatar == "") | User.avatar.startswith("g")
    return User.reachable().where(ours)


def is_wanted(user, folder):
    """Whether there is no copy, or one that is old."""
    try:
        return (folder / user.avatar).stat().st_mtime < time.time() - STALE_SECONDS if user.avatar else True
    except FileNotFoundError:
        return True


def picture_of(email, address):
    """Where Gravatar has the picture of an address, by its SHA-256; 404 when it has none."""
    return f"{address}/avatar/{hashlib.sha256(email.encode()).hexdigest()}?s=256&d=404&r=g"


def keep(user, made, folder):
    """Make a copied picture the avatar of `user`, unless they put one up, or removed it, meanwhile."""
    name = avatars.written(made, folder, prefix="g")
    with database.atomic():
        same = User.id == user.id, User.avatar == user.avatar
        done = User.update(avatar=name).where(*same).execute()
    avatars.discard(user.avatar if done else name, folder)
