"""What a linter found, and where."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from spec.yaml_source import JsonPath, Source

Say = Callable[[JsonPath, str, str], None]
"""Report a finding: the place within the document, the name of the rule, and a sentence."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One broken rule at one place; line and column count from 1."""

    file: Path
    line: int
    column: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.rule}: {self.message}"


def reporter(source: Source, findings: list[Finding]) -> Say:
    """Return a function that adds findings about one document."""

    def say(path: JsonPath, rule: str, message: str) -> None:
        position = source.locate(path)
        findings.append(Finding(source.path, position.line, position.column, rule, message))

    return say


def where(path: JsonPath) -> str:
    """Return a path as readable text: `paths./health.get`."""
    return ".".join(str(part) for part in path) or "the document"
