"""How much one network may ask of one process: what costs no row is limited without one."""

import threading


class Allowance:
    """So many for each in so many seconds; forgotten when these are over."""

    def __init__(self, number, seconds):
        self.number, self.seconds = number, seconds
        self.period, self.used = None, {}
        self.lock = threading.Lock()

    def take(self, whose, now):
        """Whether `whose` has one left at `now` (seconds)."""
        period = now // self.seconds
        with self.lock:
            if self.period != period:
                self.period, self.used = period, {}
            self.used[whose] = self.used.get(whose, 0) + 1
            return self.used[whose] <= self.number
