"""What a long run counts becomes a row of docs/reliability.md."""

import re

import pytest
import reliability

TABLE = "| database | measured | kills |\n|---|---|---:|"


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "reliability.md"
    path.write_text(f"Before.\n\n<!-- faults: begin -->\n\n{TABLE}\n\n<!-- faults: end -->\n\nAfter.\n")
    return path


@pytest.fixture
def soaking(monkeypatch):
    monkeypatch.setattr(reliability, "IS_SOAK", True)


def test_a_short_run_writes_nothing(document, monkeypatch):
    monkeypatch.setattr(reliability, "IS_SOAK", False)
    before = document.read_text()

    reliability.record("faults", "sqlite", 3, document=document)

    assert document.read_text() == before


@pytest.mark.usefixtures("soaking")
def test_a_row_takes_the_place_of_the_one_before_and_leaves_the_others(document):
    for name, kills in (("sqlite", 3), ("postgresql", 4), ("sqlite", 1000)):
        reliability.record("faults", name, kills, document=document)

    rows = document.read_text().partition(TABLE)[2].partition("<!--")[0].split("\n")
    found = [re.sub(r"\d{4}-\d\d-\d\d", "DAY", row) for row in rows if row]
    assert found == ["| sqlite | DAY | 1,000 |", "| postgresql | DAY | 4 |"]
    assert document.read_text().startswith("Before.") and document.read_text().endswith("After.\n")


@pytest.mark.usefixtures("soaking")
def test_a_document_without_that_table_is_left_alone(document):
    before = document.read_text()

    with pytest.raises(ValueError, match="there is no <!-- other: begin -->"):
        reliability.record("other", "sqlite", 3, document=document)
    assert document.read_text() == before


@pytest.mark.parametrize(("table", "figures"), [("faults", 8), ("schema", 4)])
def test_the_document_has_a_column_for_each_figure(table, figures):
    head = reliability.DOCUMENT.read_text().partition(f"<!-- {table}: begin -->\n\n")[2].partition("\n")[0]

    assert len(head.strip("|").split("|")) == 2 + figures
