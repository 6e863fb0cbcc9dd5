"""`python -m bench`, on archives that are small. Nothing here looks at a figure: that is for `make bench`."""

import re

import pytest
import servers
from conftest import opened
from peewee import CharField

from bench import evolve, measure, posting, rebuild, report
from bench.cases import CASES, Case
from bench.run import arguments, built, main

pytestmark = pytest.mark.slow
TALKS = 2000
PAGES = {case.name: case.pages for case in CASES}
NAMES = sorted(PAGES)


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """(small, large)"""
    folder = tmp_path_factory.mktemp("bench")
    small, large = built(folder / "small.db", TALKS // 2), built(folder / "large.db", TALKS)
    with small.beside.connection_context(), large.beside.connection_context():
        yield small, large


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "performance.md"
    path.write_text("Before.\n\n<!-- bench: begin -->\nold\n<!-- bench: end -->\n\nAfter.\n")
    return path


def plan_of(page, statements):
    """What SQLite will do, a step a line."""
    connection = page.site.beside.connection()
    return "\n".join(
        row[3]
        for sql, params in statements
        for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", params)
    )


def rows_of(page):
    """([(sql, parameters)] that reads the list of a page, the rows that it reads)."""
    connection = page.site.beside.connection()
    limited = [entry for entry in measure.statements_of(page) if "LIMIT" in entry[0]]
    read = [connection.execute(*entry).fetchall() for entry in limited]
    longest = max(range(len(read)), key=lambda index: len(read[index]))
    return [limited[longest]], read[longest]


@pytest.mark.parametrize("name", NAMES)
def test_no_page_reads_a_whole_table(sites, name):
    for page in PAGES[name](*sites):
        plan = plan_of(page, measure.statements_of(page)).replace("SCAN CONSTANT ROW", "")
        assert plan and not re.search(r"SCAN \w+$", plan, re.M), f"{page.path}\n{plan}"


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("A speaker")])
def test_no_list_is_sorted_after_it_was_read(sites, name):
    for page in PAGES[name](*sites):
        plan = plan_of(page, rows_of(page)[0])
        assert "TEMP B-TREE" not in plan, f"{page.path}\n{plan}"


def test_a_speakers_talks_are_found_by_the_speaker(sites):
    page, _ = PAGES["A speaker: the large archive against the small one"](*sites)

    plan = plan_of(page, measure.statements_of(page))

    assert "talk_speaker_user_id (user_id=?)" in plan
    assert "talk_status_date_id" not in plan


@pytest.mark.parametrize("name", [name for name in NAMES if "deepest page against its first" in name])
def test_the_deepest_page_shows_as_much_as_the_first(sites, name):
    deepest, first = (len(rows_of(page)[1]) for page in PAGES[name](*sites))

    assert deepest >= first - 1  # the first reads one row more than it shows, to know of a next page


def test_a_page_that_fails_is_no_figure(sites):
    with pytest.raises(ValueError, match="/talk/999999 was answered 404"):
        measure.fetch(sites[1].page("/talk/999999"))


def run(document, limit, changes=(), loads=()):
    cases = [Case("One page", lambda small, large: (large.page("/"), small.page("/")), limit)]
    argv = ["--talks", str(TALKS), "--turns", "1", "--output", str(document)]
    return main(argv, cases, lambda folder, rows: changes, lambda folder: loads)


def test_it_writes_a_row_for_each_case_between_the_marks(document):
    run(document, limit=1000)

    before, table, after = re.split("<!-- bench: .* -->", document.read_text())
    assert (before, after) == ("Before.\n\n", "\n\nAfter.\n")
    assert re.search(r"\d cores, Python 3\.\d+.*, SQLite 3\.\d+.*; 2,000 talks against 1,000", table)
    assert re.search(r"^\| One page \| \d+\.\d\d \| \d+\.\d\d \| 1000\.00 \| 3 \| \d+\.\d \|$", table, re.M)


def test_limits_that_hold_are_exit_code_0(document):
    assert run(document, limit=1000) == 0


def test_a_broken_limit_is_exit_code_1_and_marked(document):
    assert run(document, limit=0) == 1
    assert "**broken**" in document.read_text()


def test_a_document_without_marks_is_left_alone(tmp_path):
    path = tmp_path / "other.md"
    path.write_text("Nothing to replace.\n")

    with pytest.raises(ValueError, match="there is no <!-- bench: begin -->"):
        report.write(path, "a table")
    assert path.read_text() == "Nothing to replace.\n"


@pytest.mark.parametrize("argv", [["--talks", "10"], ["--turns", "0"], ["--talks", "many"]])
def test_arguments_that_make_no_sense_are_refused(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        arguments(argv)

    assert ended.value.code == 2
    assert "python -m bench: error:" in capsys.readouterr().err


def test_only_a_run_of_full_size_writes_the_document_by_itself():
    assert arguments(["--talks", "100000"]).output is None
    assert arguments([]).output.name == "performance.md"


def test_a_rebuild_of_sqlite_is_measured_in_memory_and_seconds(tmp_path):
    [change] = evolve.rebuild(tmp_path, 2000)

    assert change.name == "SQLite: rebuild a table of 2,000 rows"
    assert re.fullmatch(r"\d+ MB of memory at most", change.found)
    assert change.seconds > 0
    assert change.is_within


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def many_rows(server):
    """A database of the server with a table that would be changed."""
    with opened(server.make_database()) as database:
        database.settle()
        rebuild.fill(rebuild.table(database, "many_rows"), 10)
        yield database


@pytest.mark.server
def test_columns_are_added_without_writing_a_table_anew(server):
    changes = evolve.additions(type(server), 2000)

    assert len(changes) == len(evolve.COLUMNS)
    for change in changes:
        assert change.found.endswith("the table is not written anew")


@pytest.mark.server
def test_a_table_that_is_written_anew_is_told_from_one_that_is_not(server, many_rows):
    before = evolve.identity(server, many_rows)
    rebuild.evolve(rebuild.table(many_rows, "many_rows", number=CharField(20, index=True)))

    assert evolve.identity(server, many_rows) != before


def test_a_server_that_is_not_installed_is_said_and_breaks_nothing(document, monkeypatch):
    monkeypatch.setattr(servers.Mariadb, "programs", ("no-such-program",))
    changes = evolve.additions(servers.Mariadb, 2000)

    assert run(document, limit=1000, changes=changes) == 0
    assert "not measured: mariadb-server is not installed" in document.read_text()


def test_a_change_that_breaks_its_limit_is_exit_code_1(document):
    changes = [evolve.Change("A change", "400 MB", "300 MB", 1.5, is_within=False)]

    assert run(document, limit=1000, changes=changes) == 1
    assert "| A change | 400 MB | 300 MB **broken** | 1.50 |" in document.read_text()


def a_load(per_second=60, ratio=0.01, wrong=()):
    return posting.Load("Posting", per_second, ratio, list(wrong))


@pytest.mark.parametrize(
    ("load", "is_within"),
    [
        pytest.param(a_load(), True, id="fast"),
        pytest.param(a_load(per_second=20, ratio=1), True, id="slow where all is slow"),
        pytest.param(a_load(per_second=20), False, id="slow"),
        pytest.param(a_load(wrong=["comment 1 is lost"]), False, id="wrong"),
    ],
)
def test_posting_is_held_to_a_rate_and_to_being_right(load, is_within):
    assert load.is_within is is_within


def test_what_is_wrong_under_load_is_exit_code_1_and_said(document):
    loads = [a_load(wrong=["comment 1 is lost"])]

    assert run(document, limit=1000, loads=loads) == 1
    limit = loads[0].limit
    assert f"| Posting | 60 | 0.010 | {limit} **broken** | comment 1 is lost |" in document.read_text()


@pytest.mark.server
def test_people_post_at_a_site_and_at_the_barest_server(tmp_path):
    [load] = posting.post(tmp_path, turns=1, seconds=1)

    assert load.wrong == []
    assert load.per_second > 0 and load.ratio > 0
