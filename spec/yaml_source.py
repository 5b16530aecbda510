"""Reading of YAML as JSON-shaped data, with the position of every node.

YAML 1.2 core rules: `yes`, `on`, dates and sexagesimal numbers are plain text, and mapping keys are always strings.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

JsonObject = dict[str, Any]
JsonPath = tuple[str | int, ...]

_MOST_NODES = 500_000
"""Far above any real document; an alias bomb reaches it at once."""

_PREFIX = "tag:yaml.org,2002:"
_RESOLVERS: tuple[tuple[str, str, str], ...] = (
    ("null", r"^(?:~|null|Null|NULL|)$", "~nN\0"),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+.0123456789",
    ),
)


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a text file; line and column count from 1."""

    line: int
    column: int


class SourceError(Exception):
    """A file that cannot be read as a JSON-shaped YAML document."""

    def __init__(self, path: Path, position: Position, rule: str, message: str) -> None:
        super().__init__(f"{path}:{position.line}:{position.column}: {message}")
        self.path = path
        self.position = position
        self.rule = rule
        self.message = message


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A key that occurs twice in one mapping."""

    key: str
    position: Position


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed file: its data, where each node begins, and the keys written twice."""

    path: Path
    data: Any
    positions: dict[JsonPath, Position]
    duplicates: tuple[Duplicate, ...]

    def locate(self, path: JsonPath) -> Position:
        """Return the position of the node at a path, or of its nearest existing ancestor."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, Position(1, 1))


class _Loader(yaml.CSafeLoader):
    """The C parser with YAML 1.2 scalars and text keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own attribute

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys are the text as written; the last of two equal keys wins."""
        return {_key_text(key): self.construct_object(value, deep=deep) for key, value in node.value}


def _key_text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise yaml.constructor.ConstructorError(None, None, "a mapping key must be a plain text", node.start_mark)
    return str(node.value)


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, 8 if text.startswith("0o") else 16 if text.startswith("0x") else 10)


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


for _tag, _pattern, _first in _RESOLVERS:
    for _character in _first:
        _Loader.yaml_implicit_resolvers.setdefault(_character.replace("\0", ""), []).append(
            (_PREFIX + _tag, re.compile(_pattern))
        )
_Loader.add_constructor(_PREFIX + "int", _construct_int)
_Loader.add_constructor(_PREFIX + "float", _construct_float)


def read_yaml(path: Path) -> Any:
    """Return the data of a YAML or JSON file. Raises SourceError with file and position."""
    return read_source(path).data


def read_source(path: Path) -> Source:
    """Return the data of a YAML or JSON file and the position of every node. Raises SourceError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(path, Position(1, 1), "file", f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SourceError(path, Position(1, 1), "yaml-syntax", "is not UTF-8 text") from error
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            walk = _Walk(path)
            if node is not None:
                walk.visit(node, (), _position(node.start_mark))
            data = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = _position(mark) if mark else Position(1, 1)
        raise SourceError(path, position, "yaml-syntax", error.problem or "is not valid YAML") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SourceError(path, Position(1, 1), "yaml-syntax", f"is not valid YAML: {error}") from error
    return Source(path, data, walk.positions, tuple(walk.duplicates))


class _Walk:
    """Collects positions and duplicate keys; refuses nodes that contain themselves or grow without measure."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: set[int] = set()
        self.positions: dict[JsonPath, Position] = {}
        self.duplicates: list[Duplicate] = []

    def visit(self, node: yaml.Node, path: JsonPath, start: Position) -> None:
        """Take in a node that begins at `start`, and all below it. Raises SourceError."""
        self.positions[path] = start
        if isinstance(node, yaml.ScalarNode):
            return
        if id(node) in self._open:
            raise SourceError(self._path, start, "yaml-syntax", "an alias refers to a node that contains it")
        if len(self.positions) > _MOST_NODES:
            raise SourceError(self._path, start, "yaml-syntax", f"more than {_MOST_NODES} nodes, aliases counted")
        self._open.add(id(node))
        if isinstance(node, yaml.MappingNode):
            self._visit_mapping(node, path)
        else:
            for index, value in enumerate(node.value):
                self.visit(value, (*path, index), _position(value.start_mark))
        self._open.discard(id(node))

    def _visit_mapping(self, node: yaml.MappingNode, path: JsonPath) -> None:
        seen: set[str] = set()
        for key, value in node.value:
            name, place = _key_text(key), _position(key.start_mark)
            if name in seen:
                self.duplicates.append(Duplicate(name, place))
            seen.add(name)
            self.visit(value, (*path, name), place)


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1)
