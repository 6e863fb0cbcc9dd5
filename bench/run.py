"""Compare pages of two archives, post under load, change large tables, write what came out.

Exit code 1: a limit is broken.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench import evolve, measure, posting, report, seed
from bench.cases import CASES, Site
from talks.databases import open_database

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
LEAST = 2000


def arguments(argv):
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--talks", type=int, default=1_000_000, help="in the large archive (%(default)s)")
    parser.add_argument("--turns", type=int, default=15, help="ratios are medians over these (%(default)s)")
    parser.add_argument("--output", type=Path, help="the document to write; without it, only a run with the "
                        f"default size writes docs/{DOCUMENT.name}")  # fmt: skip
    given = parser.parse_args(argv)
    if given.talks < LEAST or given.turns < 1:
        parser.error(f"at least {LEAST} talks and one turn")
    if given.output is None and given.talks == parser.get_default("talks"):
        given.output = DOCUMENT
    return given


def main(argv=None, cases=CASES, changes=evolve.measure, loads=posting.measure):
    given = arguments(argv)
    with tempfile.TemporaryDirectory(prefix="talks-bench-") as folder:
        small = built(Path(folder) / "small.db", max(LEAST // 2, given.talks // 100))
        large = built(Path(folder) / "large.db", given.talks)
        # Held open, as other workers would: the last one to close a file tidies it up, which takes longer.
        with small.beside.connection_context(), large.beside.connection_context():
            results = measure.measure(cases, small, large, given.turns)
        under_load, changed = loads(folder), changes(folder, given.talks)
    block = report.report(results, changed, under_load, small, large, given.turns)
    print(block)
    if given.output:
        report.write(given.output, block)
    return 0 if all(result.is_within for result in (*results, *under_load, *changed)) else 1


def built(path, talks):
    started = time.monotonic()
    seed.build(path, talks)
    print(f"{talks:,} talks made in {time.monotonic() - started:.0f} s", file=sys.stderr)
    return Site(open_database(f"sqlite:///{path}"), open_database(f"sqlite:///{path}"), talks)
