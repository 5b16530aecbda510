"""Every test that the threat model names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ROW = re.compile(r"^\|(?! asset |---)(.*)\|$", re.MULTILINE)


def table() -> list[str]:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    return ROW.findall(text.partition("## Threats")[2].partition("\n## ")[0])


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_every_row_has_four_cells_and_names_tests_that_exist() -> None:
    rows = table()
    assert len(rows) > 25
    for row in rows:
        cells = row.split("|")
        assert len(cells) == 4, row
        named = NAMED.findall(cells[3])
        assert named, row
        assert len(named) == cells[3].count("`") // 2, f"not a test: {row}"
        for path, name in named:
            assert (ROOT / path).exists(), path
            assert name in names_in(ROOT / path), f"{path}::{name}"
