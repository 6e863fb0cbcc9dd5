"""No file of ours outgrows its reader."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
MOST_LINES = 500
FOLDERS = ("talks", "tests", "bench", "bin", "docs")
KINDS = {".py", ".html", ".css", ".js"}
LARGE = {
    "models.py",  # all tables stay in one file: projects that split theirs got cycles of imports
    "schema_evolve.py",  # one file that knows Peewee and nothing of Talks, to be taken along elsewhere
}


def sources():
    """Files that we write; what others wrote stands in folders called vendor."""
    found = [*ROOT.glob("*"), *(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*"))]
    return [path for path in found if path.suffix in KINDS and "vendor" not in path.relative_to(ROOT).parts]


def test_no_file_has_more_than_500_lines_but_two():
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources()
    }

    assert {name for name, number in lines.items() if number > MOST_LINES} == LARGE
