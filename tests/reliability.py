"""The tables of docs/reliability.md: what the long run of a test has counted becomes a row."""

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

from bench import report

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "reliability.md"
IS_SOAK = os.environ.get("TALKS_SOAK") == "1"


def record(table, name, *figures, document=DOCUMENT):
    """In a long run, write the row `name` of a table, in the place of the one that is there."""
    if not IS_SOAK:
        return
    cells = [name, f"{datetime.now(UTC):%Y-%m-%d}", *map(shown, figures)]
    with open(document, "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # tests run side by side
        text = report.replaced(file.read(), table, lambda block: with_row(block, cells))
        file.seek(0)
        file.truncate()
        file.write(text)


def shown(figure):
    return f"{figure:,}" if isinstance(figure, int) else str(figure)


def with_row(block, cells):
    """A table with a row of these cells; the first one is what a row is known by."""
    head, rule, *rows = block.split("\n")
    by_name = {row.split("|")[1].strip(): row for row in rows}
    by_name[cells[0]] = f"| {' | '.join(cells)} |"
    return "\n".join([head, rule, *by_name.values()])
