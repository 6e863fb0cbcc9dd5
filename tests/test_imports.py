"""Imports run one way, hold no cycle, and stand at the top."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ["app", "models", "forms", "talks", "admin", "main"]
LEAVES = {
    "schema_evolve", "talks.bodies", "talks.connections", "talks.database_errors", "talks.database_urls",
    "talks.databases", "talks.embeds", "talks.errors",
    "talks.fields", "talks.layers", "talks.links", "talks.markup", "talks.names", "talks.paging",
    "talks.passwords", "talks.pictures", "talks.pool", "talks.refusals", "talks.signals", "talks.smtp",
    "talks.sqlite", "talks.stamps", "talks.tokens", "talks.wording",
}  # fmt: skip


def module_of(path):
    name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    return name.removesuffix(".__init__")


SOURCES = {
    module_of(path): path for path in [*ROOT.glob("*.py"), *ROOT.glob("talks/**/*.py")]
    if path.name != "gunicorn.conf.py"
}  # fmt: skip


def is_leaf(module):
    return any(module == leaf or module.startswith(f"{leaf}.") for leaf in LEAVES)


def imported(tree):
    """[(our module, line)] that a module imports, from anywhere in it."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: imports are absolute"
            found += [
                (name if (name := f"{node.module}.{alias.name}") in SOURCES else node.module, node.lineno)
                for alias in node.names
            ]
    return [(name, line) for name, line in found if name in SOURCES]


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_a_module_imports_only_from_its_left(module):
    place = None if is_leaf(module) else ORDER.index(module.split(".")[0])
    for name, line in imported(ast.parse(SOURCES[module].read_text())):
        if is_leaf(module):
            own = next(leaf for leaf in LEAVES if module == leaf or module.startswith(f"{leaf}."))
            assert is_leaf(name), f"line {line}: the leaf {own} imports {name}"
        else:
            assert is_leaf(name) or ORDER.index(name.split(".")[0]) <= place, f"line {line} imports {name}"


def test_the_graph_of_our_modules_has_no_cycle():
    graph = {}
    for module, path in SOURCES.items():
        graph[module] = {name for name, _ in imported(ast.parse(path.read_text()))} - {module}

    assert len(list(TopologicalSorter(graph).static_order())) == len(SOURCES)  # raises CycleError


@pytest.mark.parametrize("module", sorted(SOURCES))
def test_no_import_stands_inside_a_function(module):
    for node in ast.walk(ast.parse(SOURCES[module].read_text())):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner = [line for _, line in imported(node)]
            assert not inner, f"line {inner[0]} imports a module of ours inside {node.name}()"
