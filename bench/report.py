"""The tables in docs/performance.md: what was measured, when, and on what."""

import os
import platform
import sqlite3
from datetime import UTC, datetime

MOST_SAID = 5
HEAD = (
    "| what | page ÷ page | statements ÷ statements | limit | SQL statements | page, ms |\n"
    "|---|---:|---:|---:|---:|---:|"
)
HEAD_OF_LOADS = (
    "| under load | a second | ÷ the barest server | limit | what is wrong |\n|---|---:|---:|---:|---|"
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


def row_of_load(load):
    mark = "" if load.is_within else " **broken**"
    wrong = "; ".join(load.wrong[:MOST_SAID]) or "nothing"
    return f"| {load.name} | {load.per_second:.0f} | {load.ratio:.3f} | {load.limit}{mark} | {wrong} |"


def report(results, changes, loads, small, large, turns):
    """The whole block between the marks."""
    tables = (
        (HEAD, row, results),
        (HEAD_OF_LOADS, row_of_load, loads),
        (HEAD_OF_CHANGES, row_of_change, changes),
    )
    drawn = ["\n".join([head, *map(draw, rows)]) for head, draw, rows in tables if rows]
    return "\n\n".join([facts(small, large, turns), *drawn])


def write(path, block):
    """Put `block` between the marks of a document. Raises ValueError, writing nothing, when it has none."""
    path.write_text(replaced(path.read_text(encoding="utf-8"), "bench", lambda old: block), encoding="utf-8")


def replaced(text, name, make):
    """`text` with what `make` makes of what stands between the marks of that name. Raises ValueError."""
    begin, end = (f"<!-- {name}: {word} -->" for word in ("begin", "end"))
    before, found_begin, rest = text.partition(begin)
    block, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"there is no {begin} followed by {end}")
    return f"{before}{begin}\n\n{make(block.strip())}\n\n{end}{after}"
