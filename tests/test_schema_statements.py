"""What a plan of the whole schema costs the database, whatever its tables hold."""

from conftest import person
from written import a_talk

import models
from schema_evolve import plan

PER_TABLE, ONCE = 2, 30


def sent_by_a_plan(database):
    """(statements that make the models' tables aside, all others) of a plan that finds nothing to do."""
    sent = []
    database.query_hooks.append(lambda event: sent.append(event.sql))
    try:
        assert plan(database, models.TABLES) == []
    finally:
        database.query_hooks.pop()
    making = [sql for sql in sent if sql.startswith("CREATE ")]
    return making, [sql for sql in sent if sql not in making]


def test_a_plan_asks_a_bounded_number_of_questions_for_each_table(database):
    _, asked = sent_by_a_plan(database)

    assert len(asked) <= PER_TABLE * len(models.TABLES) + ONCE, "\n".join(asked)


def test_a_plan_makes_each_table_and_index_once(database):
    making, _ = sent_by_a_plan(database)

    assert len(making) == len(set(making))


def test_a_plan_asks_the_same_of_full_tables(database):
    ada = person("ada", is_speaker=True)
    before = sent_by_a_plan(database)
    for number in range(50):
        a_talk(ada, f"Talk {number}", "published")

    assert sent_by_a_plan(database) == before
