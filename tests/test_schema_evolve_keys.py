"""Foreign keys and indexes come to what the models say."""

import peewee
import pytest
from conftest import opened
from evolving import ALL, DESTRUCTIVE, ask, column, dump, engine, evolve, impossible, make, risks, toy
from peewee import SQL, CharField, ForeignKeyField, IntegerField, TextField

import schema_evolve
from schema_evolve import SAFE, plan, run


@pytest.fixture
def database(empty_url):
    with opened(empty_url) as made:
        made.settle()
        yield made


@pytest.fixture
def author(database):
    """Ada and Bob."""
    model = toy(database, "author", name=CharField(20))
    make(model)
    model.insert_many([{"name": "Ada"}, {"name": "Bob"}]).execute()
    return model


def book(database, meta=None, **fields):
    return toy(database, "book", meta, title=CharField(40), **fields)


# Foreign keys


def test_a_foreign_key_is_added_with_its_column(database, author):
    make(book(database))
    ask(database, "INSERT INTO book (title) VALUES ('A')")
    changed = book(database, author=ForeignKeyField(author, null=True, on_delete="CASCADE"))

    assert evolve(author, changed) == []
    assert column(database, "SELECT title FROM book") == ["A"]
    with pytest.raises(peewee.IntegrityError):
        changed.create(title="B", author=99)
    changed.create(title="C", author=1)
    author.delete().where(author.id == 1).execute()
    assert column(database, "SELECT title FROM book") == ["A"]


def test_a_foreign_key_with_a_default_is_added_to_the_rows_there_are(database, author):
    make(book(database))
    ask(database, "INSERT INTO book (title) VALUES ('A')")
    changed = book(database, author=ForeignKeyField(author, default=2))

    assert evolve(author, changed) == []
    assert changed.get().author.name == "Bob"
    with pytest.raises(peewee.IntegrityError):
        changed.create(title="B", author=99)


def test_a_plain_column_becomes_a_foreign_key_and_plain_again(database, author):
    make(book(database, author_id=IntegerField()))
    ask(database, "INSERT INTO book (title, author_id) VALUES ('A', 1)")
    changed = book(database, author=ForeignKeyField(author, index=False))

    assert evolve(author, changed) == []
    with pytest.raises(peewee.IntegrityError):
        ask(database, "INSERT INTO book (title, author_id) VALUES ('B', 9)")

    rest = evolve(author, book(database, author_id=IntegerField()))
    assert not set(risks(rest)) - {DESTRUCTIVE}
    run(rest, ALL, "no backup is needed")
    ask(database, "INSERT INTO book (title, author_id) VALUES ('B', 9)")
    assert column(database, "SELECT author_id FROM book ORDER BY id") == [1, 9]


def test_what_happens_on_delete_and_on_update_changes(database, author):
    make(author, book(database, author=ForeignKeyField(author, null=True, on_delete="CASCADE")))
    ask(database, "INSERT INTO book (title, author_id) VALUES ('A', 1), ('B', 2)")
    changed = book(
        database, author=ForeignKeyField(author, null=True, on_delete="SET NULL", on_update="CASCADE")
    )

    assert evolve(author, changed) == []
    author.delete().where(author.id == 1).execute()
    ask(database, "UPDATE author SET id = 7 WHERE id = 2")
    assert column(database, "SELECT author_id FROM book ORDER BY title") == [None, 7]


def test_a_foreign_key_may_be_null_or_not_and_act_otherwise(database, author):
    def model(**options):
        return book(database, author=ForeignKeyField(author, **options))

    make(author, model(null=True, on_delete="SET NULL"))
    ask(database, "INSERT INTO book (title, author_id) VALUES ('A', 1)")
    for options in ({"on_delete": "CASCADE"}, {"null": True, "on_delete": "SET NULL"}, {"default": 1}, {}):
        assert evolve(author, model(**options)) == []
        assert column(database, "SELECT author_id FROM book") == [1]


def test_a_column_of_text_becomes_a_foreign_key(database, author):
    make(author, book(database, author_id=CharField(9)))
    ask(database, "INSERT INTO book (title, author_id) VALUES ('A', '2')")

    assert evolve(author, book(database, author=ForeignKeyField(author))) == []
    with pytest.raises(peewee.IntegrityError):
        ask(database, "INSERT INTO book (title, author_id) VALUES ('B', 9)")


@pytest.mark.parametrize("before", [{}, {"author_id": CharField(9, default="9")}], ids=["new", "text"])
def test_rows_that_would_refer_to_nothing_make_a_foreign_key_impossible(database, author, before):
    make(author, book(database, **before))
    ask(
        database, f"INSERT INTO book (title{', author_id' * bool(before)}) VALUES ('A'{', 9' * bool(before)})"
    )
    changed = book(database, author=ForeignKeyField(author, default=9))

    assert "rows refer to nothing. Rows in the way: 1." in impossible(plan(database, [author, changed]))
    assert "rows refer to nothing. Rows in the way: 1." in impossible(evolve(author, changed))
    assert column(database, "SELECT title FROM book") == ["A"]


@pytest.mark.parametrize(
    "empty_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.server)], indirect=True
)
def test_a_foreign_key_that_is_checked_at_the_end_is_no_obstacle(database, author):
    late = {"deferrable": "INITIALLY DEFERRED"}
    make(author, book(database, author=ForeignKeyField(author, null=True, **late)))
    ask(database, "INSERT INTO book (title) VALUES ('A')")

    assert evolve(author, book(database, author=ForeignKeyField(author, default=2, **late))) == []
    assert column(database, "SELECT author_id FROM book") == [2]


def test_rows_that_refer_to_nothing_make_a_foreign_key_impossible(database, author):
    make(book(database, author_id=IntegerField()))
    ask(
        database,
        "INSERT INTO book (title, author_id) VALUES ('A', 1), ('B', 6), ('C', 7), ('D', 8), ('E', 9)",
    )
    changed = book(database, author=ForeignKeyField(author, index=False))
    steps = plan(database, [author, changed])

    said = impossible(steps)
    assert "book (author_id) to author (id)" in said
    assert "Rows in the way: 4. Among them: 2, 6; 3, 7; 4, 8." in said
    run(steps, ALL, "never made")
    assert column(database, "SELECT author_id FROM book ORDER BY id") == [1, 6, 7, 8, 9]
    ask(database, "INSERT INTO book (title, author_id) VALUES ('F', 10)")


def test_a_table_refers_to_itself(database):
    make(book(database))
    ask(database, "INSERT INTO book (title) VALUES ('A')")
    changed = book(database, sequel=ForeignKeyField("self", null=True, on_delete="SET NULL"))

    assert evolve(changed) == []
    second = changed.create(title="B", sequel=1)
    with pytest.raises(peewee.IntegrityError):
        changed.create(title="C", sequel=99)
    wider = toy(
        database, "book", title=CharField(9, null=True),
        sequel=ForeignKeyField("self", null=True, on_delete="SET NULL"),
    )  # fmt: skip
    assert evolve(wider) == []
    assert wider.get_by_id(second.id).sequel_id == 1
    wider.delete_by_id(1)
    assert wider.get_by_id(second.id).sequel_id is None


def test_a_column_and_its_foreign_key_go_together(database, author, tmp_path):
    make(author, book(database, author=ForeignKeyField(author)))
    ask(database, "INSERT INTO book (title, author_id) VALUES ('A', 1)")

    assert evolve(author, book(database), allowed=ALL, backups=tmp_path) == []
    assert column(database, "SELECT title FROM book") == ["A"]
    author.delete().execute()


def test_a_foreign_key_of_a_column_no_model_has_lets_new_rows_be_written(database, author):
    make(author, book(database, author=ForeignKeyField(author)))
    changed = book(database)

    assert set(risks(evolve(author, changed))) == {DESTRUCTIVE}
    changed.create(title="A")


# Indexes


def names(database, table="book"):
    return {index.name for index in database.get_indexes(table) if index.name.upper() != "PRIMARY"} - {
        f"{table}_pkey"
    }


def test_an_index_is_paired_by_its_columns_and_not_by_its_name(database):
    make(book(database, pages=IntegerField(index=True), year=IntegerField(unique=True)))
    for name in names(database):
        rows = {"pages": "INDEX a_name", "year": "UNIQUE INDEX another_name"}
        columns = next(index.columns for index in database.get_indexes("book") if index.name == name)
        ask(database, f"DROP INDEX {name}" + (" ON book" if engine(database) == "mysql" else ""))
        ask(database, f"CREATE {rows[columns[0]]} ON book ({columns[0]})")

    assert (
        plan(database, [book(database, pages=IntegerField(index=True), year=IntegerField(unique=True))]) == []
    )


def test_an_index_becomes_unique_and_plain_again(database):
    make(book(database, pages=IntegerField(index=True)))
    ask(database, "INSERT INTO book (title, pages) VALUES ('A', 1), ('B', 2)")

    steps = plan(database, [book(database, pages=IntegerField(unique=True))])
    assert [step.sentence for step in steps] == [
        "Replace the index on (pages) of book by the unique index on (pages)."
    ]
    assert run(steps, {SAFE}) == []
    with pytest.raises(peewee.IntegrityError):
        ask(database, "INSERT INTO book (title, pages) VALUES ('C', 2)")

    assert evolve(book(database, pages=IntegerField(index=True))) == []
    ask(database, "INSERT INTO book (title, pages) VALUES ('C', 2)")


def test_the_index_of_a_foreign_key_becomes_unique_and_plain_again(database, author):
    make(author, book(database, author=ForeignKeyField(author)))

    assert evolve(author, book(database, author=ForeignKeyField(author, unique=True))) == []
    ask(database, "INSERT INTO book (title, author_id) VALUES ('A', 1)")
    with pytest.raises(peewee.IntegrityError):
        ask(database, "INSERT INTO book (title, author_id) VALUES ('B', 1)")
    assert evolve(author, book(database, author=ForeignKeyField(author))) == []
    ask(database, "INSERT INTO book (title, author_id) VALUES ('B', 1)")


def test_a_unique_index_that_goes_lets_new_rows_be_written(database):
    make(book(database, pages=IntegerField(unique=True)))

    (step,) = evolve(book(database, pages=IntegerField()))
    assert step.risk == DESTRUCTIVE  # it may be somebody's own
    run([step], ALL, "no backup is needed")
    ask(database, "INSERT INTO book (title, pages) VALUES ('A', 2), ('B', 2)")


def test_an_index_no_model_has_does_not_keep_a_column_from_becoming_a_text_without_end(database):
    make(book(database, {"indexes": ((("title", "pages"), False),)}, pages=IntegerField()))
    changed = toy(database, "book", title=TextField(), pages=IntegerField())

    assert run(plan(database, [changed]), ALL, "no backup is needed") == []
    assert plan(database, [changed]) == []


def test_a_unique_index_on_several_columns_is_made(database):
    make(book(database, pages=IntegerField()))
    ask(database, "INSERT INTO book (title, pages) VALUES ('A', 1), ('A', 2)")
    changed = book(database, {"indexes": ((("title", "pages"), True),)}, pages=IntegerField())

    assert evolve(changed) == []
    with pytest.raises(peewee.IntegrityError):
        changed.create(title="A", pages=2)


def test_duplicates_make_a_unique_index_impossible(database):
    make(book(database, pages=IntegerField(null=True)))
    pages = (1, 1, 2, 2, 2, 3, 3, 4, 4, 5, "NULL", "NULL")
    rows = ", ".join(f"('A', {number})" for number in pages)
    ask(database, f"INSERT INTO book (title, pages) VALUES {rows}")
    kept = dump(database)
    steps = plan(database, [book(database, pages=IntegerField(null=True, unique=True))])

    said = impossible(steps)
    assert "unique index on (pages) of book cannot be: rows share values. Rows in the way: 9." in said
    assert said.count(";") == 2
    run(steps, ALL, "never made")
    assert dump(database) == kept


def test_one_default_for_all_makes_a_unique_column_impossible(database):
    make(book(database))
    ask(database, "INSERT INTO book (title) VALUES ('A'), ('B')")
    steps = plan(database, [book(database, pages=IntegerField(default=1, unique=True))])

    assert "rows share values. Rows in the way: 2. Among them: " in impossible(steps)
    run(steps, ALL, "never made")
    assert [found.name for found in database.get_columns("book")] == ["id", "title"]


def test_an_index_takes_another_name_when_its_own_is_taken(database):
    make(toy(database, "page", book_title=CharField(9)), book(database))
    wanted = next(
        iter(schema_evolve.plan(database, [toy(database, "book", title=CharField(40, index=True))]))
    )
    name = wanted.statement.split()[2].strip('`"')
    ask(database, f"CREATE INDEX {name} ON page (book_title)")
    if engine(database) == "mysql":
        ask(database, f"CREATE INDEX {name} ON book (title, id)")

    rest = evolve(toy(database, "book", title=CharField(40, index=True)))

    assert set(risks(rest)) <= {DESTRUCTIVE}
    assert ["title"] in [index.columns for index in database.get_indexes("book")]


@pytest.mark.parametrize(
    "empty_url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.server)], indirect=True
)
def test_a_partial_index_is_made_changed_and_kept(database, tmp_path):
    def model(limit, **fields):
        made = book(database, pages=IntegerField(null=True), **fields)
        made.add_index(made.index(made.title, unique=True, where=made.pages > limit))
        return made

    make(book(database, pages=IntegerField(null=True)))
    ask(database, "INSERT INTO book (title, pages) VALUES ('A', 1), ('A', 2), ('A', 6)")
    assert "Among them: 'A'." in impossible(plan(database, [model(1)]))
    assert evolve(model(5)) == []
    assert plan(database, [model(5)]) == []
    with pytest.raises(peewee.IntegrityError):
        ask(database, "INSERT INTO book (title, pages) VALUES ('A', 7)")
    ask(database, "INSERT INTO book (title, pages) VALUES ('A', 3)")

    assert evolve(model(6, year=IntegerField(default=1)), allowed=ALL, backups=tmp_path) == []
    ask(database, "INSERT INTO book (title, pages, year) VALUES ('A', 7, 1)")
    with pytest.raises(peewee.IntegrityError):
        ask(database, "INSERT INTO book (title, pages, year) VALUES ('A', 8, 1)")


def test_indexes_and_columns_of_theirs_go_together(database, tmp_path):
    make(book(database, a=IntegerField(), b=IntegerField(), c=IntegerField()))
    ask(database, "CREATE UNIQUE INDEX by_abc ON book (a, b, c)")
    ask(database, "CREATE INDEX by_ab ON book (a, b)")
    ask(database, "INSERT INTO book (title, a, b, c) VALUES ('A', 1, 1, 1), ('B', 1, 1, 2), ('C', 1, 2, 2)")

    assert evolve(book(database, a=IntegerField()), allowed=ALL, backups=tmp_path) == []
    assert column(database, "SELECT a FROM book") == [1, 1, 1]


def test_long_names_make_no_difference(database):
    def model(**fields):
        return toy(database, "t" * 50, **{"c" * 50: CharField(20, unique=True)}, **fields)

    make(model())
    assert plan(database, [model()]) == []
    assert evolve(model(**{"d" * 50: CharField(20, null=True, unique=True)})) == []


def test_an_index_that_descends_is_told_from_one_that_does_not(database):
    def model(direction):
        made = book(database, pages=IntegerField())
        made.add_index(SQL(f"CREATE INDEX by_pages ON book (pages{direction})"))
        return made

    make(model(""))
    assert plan(database, [model("")]) == []
    if engine(database) == "mysql" and database.server_version < (10, 8):
        pytest.skip("no such indexes there")
    assert evolve(model(" DESC")) == []
    assert plan(database, [model(" DESC")]) == []
