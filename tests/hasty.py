"""Sites that send their mail in a hurry, on the database of a test; and ways to kill their processes."""

import contextlib
import os
import random
import signal

import live

from models import Lease, OutboxMail, utcnow

# In the gunicorn.conf.py of a site that is tested, so that nobody has to wait a minute.
HASTE = """
from talks.mailing import outbox
background.LEASE_SECONDS, background.POLL_SECONDS = 2, 0.2
outbox.CLAIM_SECONDS, outbox.RENEW_SECONDS = {claim}, 1
"""


@contextlib.contextmanager
def sites(database, folder, **common):
    """A function that makes sites on the test's database whose flush is in a hurry; in the end they stop."""
    made = []

    def make(claim_seconds=3, **settings):
        """`claim_seconds`: longer than a busy machine keeps a process from running."""
        standard = {"SECRET_KEY": "secret", "DATABASE_URL": database.url, "MAIL_FLUSH_INTERVAL": 1}
        made.append(live.Site(folder / f"site{len(made)}", **standard | common | settings))
        with open(made[-1].house / "gunicorn.conf.py", "a") as file:
            file.write(HASTE.format(claim=claim_seconds))
        return made[-1]

    try:
        yield make
    finally:
        for site in made:
            site.stop()


def holder():
    """The process that sends, as long as its lease lasts."""
    lease = Lease.get_or_none(Lease.until > utcnow())
    return lease and int(lease.holder.split()[-2])


def everything_is_sent():
    return not OutboxMail.select().where(OutboxMail.sent_at.is_null()).exists()


def kill_worker(site):
    """Any worker; the master makes another."""
    kill(random.choice(site.workers()))


def kill_flusher(site):
    """The worker that sends the mail; another one has to go on."""
    kill(live.wait_for(lambda: (pid := holder()) in site.workers() and pid, "who sends"))


def kill_master(site):
    """The master, whose workers end when they notice; then the site is started again."""
    workers = site.workers()
    kill(site.process.pid)
    site.process.wait()
    live.wait_for(lambda: not any(map(is_running, workers)), "its workers to end")
    site.start()


def kill(pid):
    with contextlib.suppress(ProcessLookupError):  # of the last one the master noticed the end a moment ago
        os.kill(pid, signal.SIGKILL)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
