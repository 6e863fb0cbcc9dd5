"""The schema: what a new version changes in the database, at the start and by `flask schema`."""

from collections import Counter
from pathlib import Path

from models import TABLES, database
from schema_evolve import DESTRUCTIVE, IMPOSSIBLE, RENAME, SAFE, SLOW, plan, run
from talks.databases import patiently

START_LOCK_SECONDS = 3  # readers of the running site wait behind a start that waits for a dump
MEANING = {
    SAFE: "quick, and nothing is lost",
    SLOW: "writes every row of a table",
    RENAME: "stop every process of the old version first",
    DESTRUCTIVE: "takes something away, after a backup",
    IMPOSSIBLE: "as the rows are",
}


class NotReady(Exception):
    """This version cannot work with the database as it is; the message says why and what to do."""


def prepare(automatic: bool) -> tuple[list[str], list[str]]:
    """Make the database fit for this version, before anything uses it.

    Returns two lists of lines: what was done, and what can wait. `automatic`: apply what is safe. Raises
    NotReady, Unsuitable, or peewee.DatabaseError.
    """
    with patiently(database):
        database.settle()
        is_new, done = not database.get_tables(), []
        steps = plan(database, TABLES)
        rest = run(steps, done=done, lock_seconds=START_LOCK_SECONDS) if automatic else steps
    said = [] if is_new else [f"Done: {step.sentence}" for step in done]
    if any(step.risk == IMPOSSIBLE or step.needed for step in rest):
        raise NotReady("\n".join([*said, _refusal(rest)]))
    waits = f"What differs in the database can wait: {_counted(rest)}. `flask schema plan` shows it."
    return said, [waits] if rest else []


def planned():
    """The steps from the database to this version."""
    with patiently(database):
        return plan(database, TABLES)


def apply(consent: bool, folder: Path):
    """Do what is safe or slow, with `consent` also what renames and takes away; returns (done, left) steps.

    What is taken away is copied into `folder` before.
    """
    allowed = {SAFE, SLOW, RENAME, DESTRUCTIVE} if consent else {SAFE, SLOW}
    with patiently(database):
        database.settle()
        done = []
        left = run(plan(database, TABLES), allowed, folder, done)
    return done, left


def advice(steps) -> str:
    """What an operator does about `steps`, in one sentence."""
    if not steps:
        return "Nothing to do: the database is as this version has it."
    risks = {step.risk for step in steps}
    if IMPOSSIBLE in risks:
        return "Mend the rows that `flask schema plan` names, then run `flask schema apply`."
    if RENAME in risks:
        return "Stop every process of the old version, then run `flask schema apply --yes`."
    if risks == {DESTRUCTIVE}:
        return "`flask schema apply --yes` does it, after a backup."
    if DESTRUCTIVE in risks:
        return "Run `flask schema apply`; with `--yes` it also takes away what is gone, after a backup."
    return "Run `flask schema apply`."


def _refusal(steps):
    needed = [step for step in steps if step.risk == IMPOSSIBLE or step.needed]
    found = "\n".join(f"  {step.sentence} {step.cure}".rstrip() for step in needed)  # no rows: this is logged
    return f"The database is not ready for this version of Talks:\n{found}\n{advice(needed)}"


def _counted(steps):
    return ", ".join(f"{number} {risk}" for risk, number in Counter(step.risk for step in steps).items())
