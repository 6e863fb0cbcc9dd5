"""Connections to a database server, kept between requests: what was lost is noticed, and nobody waits long.

Against `playhouse.pool`, which connects and probes under a lock of the whole process (one silent server holds
all threads), and on PostgreSQL finds out with a request that a kept connection is dead.
"""

import contextlib
import os
import threading
import time

from talks.database_errors import ERRORS, Away, reason

SLOT_SECONDS = 5  # to wait for another thread's connection when all are in use
TRIAL_SECONDS = 3  # to wait for the thread that finds out whether a lost server is back
PROBE_SECONDS = 2  # for a kept connection to answer
UNPROBED_SECONDS = 1  # since its last use, one that has nothing to read is taken as it is
OLDEST_SECONDS = 300  # then it is closed: so does many a firewall, and says nothing


class Pool:
    """Stands before one of peewee's databases in a class that has `open_connection()`.

    That returns one of the driver's with these besides: `is_open`, `in_transaction`, `has_news()` (there is
    something to read, if only the end), and `answers(seconds)`. At most `connections` are in use at once.

    After a connection was lost or could not be made, all that are parked are closed, and one thread at a time
    tries to make a new one, while the others wait for it a moment and then fail. So a server that hangs
    holds one thread, and one that is back serves the next request.
    """

    def __init__(self, *args, connections, **kwargs):
        self.connections = connections
        self._begin_empty()
        super().__init__(*args, **kwargs)
        # peewee holds its lock while it connects. What it guards is of this thread alone.
        self._lock = contextlib.nullcontext()

    def _begin_empty(self):
        self._process = os.getpid()
        self._slots = threading.BoundedSemaphore(self.connections)
        self._guard = threading.Lock()
        self._trial = threading.Lock()
        self._parked = []  # the last one used is the last
        self._trouble = ""  # why the last connection was lost or not made

    def _connect(self):
        if self._process != os.getpid():
            # Closing these would end them for the process that this one was forked from.
            self._inherited = self._parked
            self._begin_empty()
        if not self._slots.acquire(timeout=SLOT_SECONDS):
            raise Away(f"all {self.connections} connections are in use")
        try:
            return self._kept() or self._new()
        except BaseException:
            self._slots.release()
            raise

    def _kept(self):
        """A parked connection that works, or None."""
        while True:
            with self._guard:
                if not self._parked:
                    return None
                connection = self._parked.pop()
            now = time.monotonic()
            if now - connection.opened_at > OLDEST_SECONDS:
                connection.close()
            elif now - connection.parked_at < UNPROBED_SECONDS and not connection.has_news():
                return connection
            elif connection.answers(PROBE_SECONDS):
                return connection
            else:
                self._lose(connection, "a connection was lost")

    def _new(self):
        if not (trouble := self._trouble):
            return self._open()
        if not self._trial.acquire(timeout=TRIAL_SECONDS):
            raise Away(trouble)
        try:
            if self._trouble:
                return self._open()
        finally:
            self._trial.release()
        return self._open()

    def _open(self):
        try:
            connection = self.open_connection()
        except ERRORS as error:
            self._trouble = reason(error)
            raise Away(self._trouble) from error
        self._trouble = ""
        connection.opened_at = time.monotonic()
        return connection

    def _close(self, connection):
        """Park what works and holds no transaction. What was begun and not ended the server rolls back."""
        now = time.monotonic()
        if not connection.is_open:
            self._lose(connection, "a connection was lost")
        elif connection.in_transaction or now - connection.opened_at > OLDEST_SECONDS:
            connection.close()
        else:
            connection.parked_at = now
            with self._guard:
                self._parked.append(connection)
                is_forgotten = now - self._parked[0].parked_at > OLDEST_SECONDS  # of busier times
                forgotten = self._parked.pop(0) if is_forgotten else None
            if forgotten:
                forgotten.close()
        self._slots.release()

    def _lose(self, connection, trouble):
        self._trouble = self._trouble or trouble
        connection.close()
        self.close_idle()

    def keep_connections(self):
        """As OwnersDatabase.keep_connections: here they always are."""

    def close_idle(self):
        """Close what is parked. Connections in use stay."""
        with self._guard:
            parked, self._parked = self._parked, []
        for connection in parked:
            connection.close()

    def close_all(self):
        """Before a fork: two processes must not share a connection."""
        self.close()
        self.close_idle()
