"""Tell a supervisor whether this process answers and can work (PEP 3333 middleware)."""

import logging
import threading
import time

logger = logging.getLogger("talks")

GIVEN_UP_AFTER_SECONDS = 30
MOST_CHECKS_AT_ONCE = 3


class Health:
    """Answer ``/-/live`` (200: the process answers) and ``/-/ready`` (200, or 503 and when to come back).

    `ready` is called for ``/-/ready``, in a thread of its own: it returns when the database answers, and
    raises or returns False when not. It must open and close its own connection. An answer never waits
    longer than `deadline_seconds`.
    """

    def __init__(self, app, refuse, ready, deadline_seconds=1.0):
        self.app = app
        self.refuse = refuse
        self.check = SharedCheck(ready, deadline_seconds)

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        if path not in ("/-/live", "/-/ready"):
            return self.app(environ, start_response)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return self.refuse.method_not_allowed(environ, start_response, "GET", "HEAD")
        if path == "/-/ready" and not self.check.passes():
            message = "The database does not answer. Try again in a few seconds."
            return self.refuse(environ, start_response, 503, message, [("Retry-After", "5")])
        headers = [("Content-Type", "text/plain"), ("Content-Length", "3"), ("Cache-Control", "no-store")]
        start_response("200 OK", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"ok\n"]


class SharedCheck:
    """A check with a deadline, run once for all who ask meanwhile.

    A database that hangs holds the thread that asks it, perhaps for as long as TCP takes to give up. So
    who asks while a check runs waits for that one, and only when it is long overdue is another started: it
    may find a database that came back. Never more than `MOST_CHECKS_AT_ONCE` run.
    """

    def __init__(self, check, deadline_seconds, clock=time.monotonic):
        self.check = check
        self.deadline_seconds = deadline_seconds
        self.clock = clock
        self.lock = threading.Lock()
        self.running = []  # attempts, oldest first

    def passes(self):
        """True if the check succeeds within the deadline, counted from when it was started."""
        attempt = self.current()
        left = attempt.started_at + self.deadline_seconds - self.clock()
        return attempt.done.wait(max(0, left)) and attempt.passed

    def current(self):
        """The attempt to wait for: one that runs, else a new one."""
        with self.lock:
            self.running = [attempt for attempt in self.running if not attempt.done.is_set()]
            now = self.clock()
            overdue = not self.running or now - self.running[-1].started_at > GIVEN_UP_AFTER_SECONDS
            if overdue and len(self.running) < MOST_CHECKS_AT_ONCE:
                self.running.append(Attempt(self.check, now))
            return self.running[-1]


class Attempt:
    """One run of a check, in a daemon thread so that a hanging one does not keep the process alive."""

    def __init__(self, check, started_at):
        self.check = check
        self.started_at = started_at
        self.passed = False
        self.done = threading.Event()
        threading.Thread(target=self.run, name="ready", daemon=True).start()

    def run(self):
        try:
            self.passed = self.check() is not False
        except Exception as error:  # whatever a database driver raises means the same here: not ready
            logger.warning("Not ready: %s: %s", type(error).__name__, error)
        finally:
            self.done.set()
