"""Mail about accounts as its owner reads it, and work that is counted, for tests."""

import re
import shutil
from contextlib import contextmanager

from argon2 import PasswordHasher, extract_parameters
from mailed import files, flush, plain

LINK = re.compile(r"http://127\.0\.0\.1:8000(/\S+)")


class CountingHasher(PasswordHasher):
    """Argon2 at its cheapest, which counts how often it is made to work."""

    def __init__(self):
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.verified = self.hashed = 0

    @property
    def work(self):
        return self.verified + self.hashed

    def verify(self, stored, password):
        extract_parameters(stored)  # raises for what is no hash and so costs no work
        self.verified += 1
        return super().verify(stored, password)

    def hash(self, password):
        self.hashed += 1
        return super().hash(password)


@contextmanager
def counted(database):
    """The statements while it is open, without what they are about."""
    statements = []

    def note(event):
        if not event.sql.startswith("PRAGMA"):
            statements.append(re.sub(r"SAVEPOINT .*", "SAVEPOINT", event.sql))  # each has a name of its own

    database.query_hooks.append(note)
    try:
        yield statements
    finally:
        database.query_hooks.remove(note)


class Post:
    """What is in the mail: send it, and read what came."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self):
        """The mails that came since it was last asked for, by address."""
        shutil.rmtree(self.folder, ignore_errors=True)
        flush(self.folder)
        return files(self.folder) if self.folder.exists() else []

    def to(self, address):
        """The last mail to an address: (subject, text)."""
        mail = [mail for mail in self() if address in str(mail["To"])][-1]
        return mail["Subject"].removeprefix("[talks] "), plain(mail)

    def link(self, address):
        """The path of the first link in the last mail to an address."""
        return LINK.search(self.to(address)[1])[1]
