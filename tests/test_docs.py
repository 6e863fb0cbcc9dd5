"""The documents say what is there: settings, commands, addresses, version. Nothing is left out or made up."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import main
from app import SETTINGS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("talks/**/*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
LAYERS = {"/-/live", "/-/ready", "/-/environ"}  # answered before Flask
IN_DEVELOPMENT = (
    "import main; [print(rule.rule, *sorted(rule.methods)) for rule in main.app.url_map.iter_rules()]"
)


def section(title):
    return re.search(rf"^## {title}$(.*?)(?=^## |\Z)", README, re.M | re.S)[1]


def table_rows(text):
    """The cells of each row of the tables in a text, heads left out."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in row] for row in rows]


def test_the_readme_has_every_setting_with_its_default_and_sentence():
    said = {name: (default, text) for name, default, text in table_rows(section("Settings"))}

    assert said == {
        f"`{setting.name}`": (f"`{setting.default}`" if setting.default else "empty", setting.help)
        for setting in SETTINGS
    }


def test_the_example_has_every_setting_with_its_default_and_sentence():
    text = (ROOT / ".env.example").read_text(encoding="utf-8")

    found = re.findall(r'^# (.+)\n# ([A-Z][A-Z_0-9]+)="?([^"\n]*)"?$', text, re.M)

    assert found == [(setting.help, setting.name, setting.default) for setting in SETTINGS]


def test_the_example_changes_nothing_when_it_is_copied():
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()

    assert all(line.startswith("#") for line in lines if line)


def test_the_readme_has_every_command_of_ours():
    said = set(re.findall(r"^\| `flask ([a-z-]+)", section("Commands"), re.M))

    assert said == set(main.app.cli.commands) | {"shell"}


@pytest.mark.parametrize("command", sorted(main.app.cli.commands))
def test_the_readme_has_every_option_of_a_command(command):
    row = next(row for row in table_rows(section("Commands")) if row[0].startswith(f"`flask {command}"))

    for parameter in main.app.cli.commands[command].params:
        shown = parameter.opts[0] if parameter.param_type_name == "option" else parameter.name.upper()
        assert shown in row[0]


def test_the_readme_has_every_target_of_make():
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.M)

    said = set(re.findall(r"`make ([a-z]+)`", section("Commands")))

    assert said == set(targets)


def test_make_leaves_every_setting_to_env_but_the_demos_database():
    """What make exports would win over `.env`."""
    text = (ROOT / "Makefile").read_text()

    named = re.findall(r"^(?:[a-z]+: )?(?:export )?([A-Z_]+)\b", text, re.M)

    assert set(named) & {setting.name for setting in SETTINGS} == {"DATABASE_URL"}


def alternatives(address):
    """What an address with `{a,b}` in it stands for."""
    before, brace, rest = address.partition("{")
    among, _, after = rest.partition("}")
    return [f"{before}{one}{after}" for one in among.split(",")] if brace else [address]


def documented_addresses():
    """{address: its methods, as a set}"""
    rows = table_rows((ROOT / "docs" / "addresses.md").read_text(encoding="utf-8"))
    said = {address: set(row[1].split(", ")) for row in rows for address in alternatives(row[0].strip("`"))}
    return said | {address.replace("/api/", "/api/v"): methods for address, methods in said.items()}


def routes_in_development():
    """{rule: its methods}, of Flask. A process of its own, as tests have fewer."""
    environ = os.environ | {
        "TALKS_CONFIG": "development", "SECRET_KEY": "x", "DATABASE_URL": "sqlite:///:memory:"
    }  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-c", IN_DEVELOPMENT],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    routes = {}
    for rule, *methods in map(str.split, ended.stdout.splitlines()):
        routes.setdefault(rule, set()).update(set(methods) - {"HEAD", "OPTIONS"})
    return routes


def test_addresses_md_has_every_address_with_its_methods():
    layers = dict.fromkeys(LAYERS | set(main.assets.root_files()), {"GET"})

    assert documented_addresses() == routes_in_development() | layers


def test_api_md_has_every_address_of_the_api_with_its_methods():
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    said, address = {"/token": {"GET"}}, ""  # said in words
    for first, method in re.findall(r"^\| (`/[^`]*`)? ?\| ([A-Z]{3,6}) \|", text, re.M):
        address = first.strip("`") or address
        said.setdefault(address, set()).add(method)

    assert said == {
        re.sub(r"<id:\w+>", "<id>", rule.removeprefix("/api/1.0")): methods
        for rule, methods in documented_addresses().items()
        if rule.startswith("/api/1.0/")
    }


@pytest.mark.parametrize("address", sorted(LAYERS | set(main.assets.root_files())))
def test_an_address_of_the_layers_never_comes_to_flask(address):
    with pytest.raises(main.NotFound):
        main.app.create_url_adapter(main.app.test_request_context("/").request).match(address)


def test_addresses_md_names_every_flat_page():
    text = (ROOT / "docs" / "addresses.md").read_text(encoding="utf-8")

    for name in main.pages.PAGES:
        assert f"`/{name}`" in text


def test_the_changelog_has_the_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.M)


@pytest.mark.parametrize("name", NAMES)
def test_links_to_files_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")

    for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:|/", target):
            assert ((ROOT / name).parent / target).exists(), target


@pytest.mark.parametrize("name", NAMES)
def test_no_document_names_a_path_of_somebodys_machine(name):
    text = (ROOT / name).read_text(encoding="utf-8")

    assert not re.search(r"(?<![\w.])/(home|root|Users|work|tmp)/", text)
    assert str(ROOT) not in text
