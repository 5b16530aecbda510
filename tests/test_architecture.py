"""The folder tree is the architecture: imports go the way that ARCHITECTURE.md draws."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST_MODULE = 350


def test_the_import_contracts_of_pyproject_are_kept() -> None:
    """In a process of its own: import-linter switches off every logger that exists."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


def imported_packages(folder: str) -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}: relative import"
                names = [node.module or ""]
            for name in names:
                yield path, name


@pytest.mark.parametrize(
    ("folder", "own", "others"),
    [
        ("reference_server/domain", "reference_server.domain", {"msgspec"}),
        ("reference_server/simulator", "reference_server.simulator", {"aiohttp", "click", "numpy", "pyarrow", "rich"}),
    ],
)
def test_the_middle_needs_little_besides_the_standard_library(folder: str, own: str, others: set[str]) -> None:
    allowed = sys.stdlib_module_names | others
    for path, name in imported_packages(folder):
        is_own = name == own or name.startswith(f"{own}.")
        assert is_own or name.split(".")[0] in allowed, f"{path.relative_to(ROOT)} imports {name}"


PACKAGES = ("spec", "reference_server", "conformance", "tonpo_spec")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_is_short_enough_to_hold_one_noun(package: str) -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / package).rglob("*.py")
    }
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST_MODULE} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_has_a_name_that_says_nothing(package: str) -> None:
    empty_names = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
    found = [str(path) for path in (ROOT / package).rglob("*.py") if path.stem in empty_names]
    assert found == []
