"""Time pages in turns: both sides of a ratio alternate, so that what else the machine does hits both."""

import random
import time
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

from werkzeug.test import Client

import models
from main import application

REPEATS = 8  # of each side in a turn


class Result(NamedTuple):
    """One case as measured. Ratios are medians over turns."""

    name: str
    limit: float
    page: float  # ratio of whole pages, through every layer
    statements: float  # ratio of what the database does for them
    count: int  # of statements, at most, of either page
    milliseconds: float  # of the page, for orientation

    @property
    def is_within(self):
        return max(self.page, self.statements) <= self.limit


@contextmanager
def serving(site):
    """The application reads this archive."""
    before = models.database.obj
    models.database.initialize(site.database)
    try:
        yield
    finally:
        models.database.initialize(before)


def fetch(page):
    """Ask the whole application for a page; raises ValueError when it answers anything but 200."""
    headers = {"Accept": "text/html"}
    with serving(page.site), Client(application).get(page.path, headers=headers) as response:
        response.get_data()
        if response.status_code != 200:
            raise ValueError(f"{page.path} was answered {response.status}")


def seconds_of(page):
    """How long the application takes for it."""
    started = time.perf_counter()
    fetch(page)
    return time.perf_counter() - started


def statements_of(page):
    """[(sql, parameters)] that one request sends."""
    sent = []
    hooks = page.site.database.query_hooks
    hooks.append(lambda event: sent.append((event.sql, event.params or ())))
    try:
        fetch(page)
    finally:
        hooks.pop()
    return [(sql, params) for sql, params in sent if not sql.startswith("PRAGMA")]


def replay(connection, statements):
    """How long the database takes for these statements, without anything of ours around them."""
    started = time.perf_counter()
    for sql, params in statements:
        connection.execute(sql, params).fetchall()
    return time.perf_counter() - started


class Pair:
    """The two sides of a case, ready to be timed."""

    def __init__(self, case, small, large):
        self.case = case
        self.sides = case.pages(small, large)
        self.statements = [statements_of(page) for page in self.sides]
        self.pages, self.queries, self.seconds = [], [], []  # of each turn

    def turn(self):
        """One ratio of pages and one of statements; which side begins changes."""
        order = random.sample((0, 1), 2)
        pages, queries = ([], []), ([], [])
        for _ in range(REPEATS):
            for side in order:
                pages[side].append(seconds_of(self.sides[side]))
        for _ in range(REPEATS):
            for side in order:
                connection = self.sides[side].site.beside.connection()
                queries[side].append(replay(connection, self.statements[side]))
        self.seconds.append(median(pages[0]))
        self.pages.append(median(pages[0]) / median(pages[1]))
        self.queries.append(median(queries[0]) / median(queries[1]))

    def result(self):
        return Result(
            self.case.name, self.case.limit, median(self.pages), median(self.queries),
            max(map(len, self.statements)), 1000 * median(self.seconds),
        )  # fmt: skip


def measure(cases, small, large, turns):
    """A result for each case; what breaks its limit is measured once more, for longer."""
    results = {result.name: result for result in run(cases, small, large, turns)}
    suspects = [case for case in cases if not results[case.name].is_within]
    if suspects:  # a single failed figure means nothing yet
        results |= {result.name: result for result in run(suspects, small, large, 2 * turns)}
    return list(results.values())


def run(cases, small, large, turns):
    pairs = [Pair(case, small, large) for case in cases]
    for _ in range(turns):
        for pair in random.sample(pairs, len(pairs)):
            pair.turn()
    return [pair.result() for pair in pairs]
