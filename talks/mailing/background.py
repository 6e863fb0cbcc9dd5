"""The flush in the background: a thread in each process that serves, of which one at a time does it.

Which one says a row of Lease: who holds it renews it, and when that stops another takes it.
"""

import contextlib
import os
import secrets
import socket
import threading

from peewee import PeeweeException

from models import Lease, database
from talks.mailing.outbox import Flush
from talks.smtp import folder_in

NAME = "flush-mail"
LEASE_SECONDS = 40  # and POLL_SECONDS: another process goes on within a minute
POLL_SECONDS = 10
STOP_SECONDS = 5  # to wait for the mail in hand when the process ends

_started = {}  # id of a process -> its Flusher: threads do not survive a fork


class Flusher:
    """The thread of one process."""

    def __init__(self, app):
        self.app = app
        self.interval = app.config["MAIL_FLUSH_INTERVAL"]
        self.folder = folder_in(app.instance_path)
        self.holder = f"{socket.gethostname()[:32]} {os.getpid()} {secrets.token_hex(4)}"
        self.ended = threading.Event()
        self.complained = False
        self.thread = threading.Thread(target=self.work, name=NAME, daemon=True)

    def work(self):
        while not self.ended.wait(min(POLL_SECONDS, max(self.interval, 1))):
            try:
                with database.connection_context(), self.app.app_context():
                    if self.go_on():
                        Flush(self.folder, self.go_on).run(self.interval)
                self.complained = False
            except Exception as error:  # whatever goes wrong, the next turn may go well
                self.complain(error)

    def go_on(self):
        """Hold the lease, if nobody else does and this process is not to end."""
        return not self.ended.is_set() and Lease.hold(NAME, self.holder, LEASE_SECONDS)

    def complain(self, error):
        """Say it once, until it went well again."""
        if not self.complained:
            self.app.logger.error("Mail is not being sent", exc_info=error)
        self.complained = True

    def stop(self):
        """Finish the mail in hand, and let another process go on at once."""
        self.ended.set()
        self.thread.join(STOP_SECONDS)
        with contextlib.suppress(PeeweeException), database.connection_context():
            Lease.release(NAME, self.holder)


def start(app):
    """Begin, once in a process, after it was forked. Tests send their mail themselves."""
    if app.testing or os.getpid() in _started:
        return
    flusher = _started.setdefault(os.getpid(), Flusher(app))
    with contextlib.suppress(RuntimeError):  # two first requests at once: it runs already
        flusher.thread.start()


def stop():
    """Before this process ends."""
    if flusher := _started.pop(os.getpid(), None):
        flusher.stop()
