"""The schema: what a new version changes in the database, at the start and by `flask schema`."""

from collections import Counter
from pathlib import Path

from models import TABLES, database
from schema_evolve import DESTRUCTIVE, IMPOSSIBLE, RENAME, SAFE, SLOW, plan, run
from talks.databases import patiently

MEANING = {
    SAFE: "quick, and the old version goes on working",
    SLOW: "writes every row of a table",
    RENAME: "stop every process of the old version first",
    DESTRUCTIVE: "takes something away, after a backup",
    IMPOSSIBLE: "as the rows are",
}


class NotReady(Exception):
    """This version cannot work with the database as it is; the message says why and what to do."""


def prepare(automatic: bool) -> list[str]:
    """Make the database fit for this version, before anything uses it; returns what to say about it.

    `automatic`: apply what is safe. Raises NotReady, Unsuitable, or peewee.DatabaseError.
    """
    with patiently(database):
        database.settle()
        is_new, done = not database.get_tables(), []
        steps = plan(database, TABLES)
        rest = run(steps, done=done) if automatic else steps
    if any(step.risk == IMPOSSIBLE or step.needed for step in rest):
        raise NotReady(_refusal(rest))
    lines = [] if is_new else [step.sentence for step in done]
    if rest:
        lines.append(f"The database differs from this version in what can wait: {_counted(rest)}.")
        lines.append("`flask schema plan` shows it.")
    return lines


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
        return "Mend the rows that are named, then run `flask schema apply`."
    if RENAME in risks:
        return "Stop every process of the old version, then run `flask schema apply --yes`."
    if DESTRUCTIVE in risks:
        return "`flask schema apply --yes` does it, after a backup."
    return "Run `flask schema apply`."


def _refusal(steps):
    needed = [step for step in steps if step.risk == IMPOSSIBLE or step.needed]
    found = "\n".join(f"  {step}" for step in needed)
    return f"The database is not ready for this version of Talks:\n{found}\n{advice(needed)}"


def _counted(steps):
    return ", ".join(f"{number} {risk}" for risk, number in Counter(step.risk for step in steps).items())
