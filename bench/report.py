"""The tables in docs/performance.md: what was measured, when, and on what."""

import os
import platform
import sqlite3
from datetime import UTC, datetime

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
HEAD = (
    "| what | page ÷ page | statements ÷ statements | limit | SQL statements | page, ms |\n"
    "|---|---:|---:|---:|---:|---:|"
)
HEAD_OF_CHANGES = "| change of the schema | what it costs | limit | seconds |\n|---|---|---:|---:|"


def facts(small, large, turns):
    """When, on what machine, on how much data."""
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}; "
        f"{large.talks:,} talks against {small.talks:,}; medians of {turns} turns."
    )


def row(result):
    mark = "" if result.is_within else " **broken**"
    return (
        f"| {result.name} | {result.page:.2f} | {result.statements:.2f} | {result.limit:.2f}{mark} "
        f"| {result.count} | {result.milliseconds:.1f} |"
    )


def row_of_change(change):
    mark = "" if change.is_within else " **broken**"
    seconds = "" if change.seconds is None else f"{change.seconds:.2f}"
    return f"| {change.name} | {change.found} | {change.limit}{mark} | {seconds} |"


def report(results, changes, small, large, turns):
    """The whole block between the marks."""
    tables = ["\n".join([HEAD, *map(row, results)])]
    tables += ["\n".join([HEAD_OF_CHANGES, *map(row_of_change, changes)])] if changes else []
    return "\n\n".join([facts(small, large, turns), *tables])


def write(path, block):
    """Put `block` between the marks of a document. Raises ValueError, writing nothing, when it has none."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{path} has no {BEGIN} followed by {END}")
    path.write_text(f"{before}{BEGIN}\n\n{block}\n\n{END}{after}", encoding="utf-8")
