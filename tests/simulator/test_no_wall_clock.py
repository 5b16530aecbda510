"""Time and chance come from outside: nothing but the clocks and the waiter reads the machine's."""

import ast
from pathlib import Path

import reference_server.simulator

ROOT = Path(reference_server.simulator.__file__).parent
MAY_KNOW = {"clock.py", "faults/waiter.py", "cli/market.py"}
"""The clocks, the waits of faults, and a command's default of what to record: up to now."""
PRESENT = {"now", "today", "utcnow"}
CHANCE = {"random", "randint", "shuffle", "choice", "uniform", "gauss", "seed", "default_rng", "urandom", "uuid4"}


def called_names(path: Path) -> set[tuple[str, str]]:
    """The calls of a module as (what is in front of the dot, name)."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {
        (ast.unparse(function.value), function.attr) for function in functions if isinstance(function, ast.Attribute)
    }


def plainly_imported(path: Path) -> set[str]:
    """What is imported as a whole module: `from random import Random` has a seed, `import random` has none."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return plainly_imported(path) | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def modules() -> dict[str, Path]:
    return {path.relative_to(ROOT).as_posix(): path for path in sorted(ROOT.rglob("*.py"))}


def test_nothing_else_reads_the_machines_clock() -> None:
    assert set(modules()) > MAY_KNOW
    readers = {
        name
        for name, path in modules().items()
        if "time" in imported(path)
        or any(of in ("datetime", "date") and call in PRESENT for of, call in called_names(path))
    }
    assert readers == MAY_KNOW


def test_chance_comes_from_a_seed() -> None:
    for name, path in modules().items():
        calls = {f"{of}.{call}" for of, call in called_names(path) if of == "np.random" and call in CHANCE}
        assert not calls | ({"uuid", "random"} & plainly_imported(path)), name
