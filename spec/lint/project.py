"""The set of documents that are checked together, and references between them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource

from spec.documents import pointer_parts
from spec.yaml_source import JsonObject, JsonPath, Source, SourceError, read_source


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference points to: the document, the path within it, and the node."""

    source: Source
    path: JsonPath
    node: Any


@dataclass(frozen=True, slots=True)
class Project:
    """The documents by absolute path; a document that only a reference names is read when needed."""

    sources: dict[Path, Source] = field(default_factory=dict)

    def read(self, path: Path) -> Source:
        """Return a document. Raises SourceError."""
        known = self.sources.get(path.resolve())
        if known is None:
            known = self.sources[path.resolve()] = read_source(path)
        return known

    def follow(self, source: Source, ref: str) -> Target | None:
        """Return the target of a reference written in `source`, following chains; None when it is broken."""
        for _ in range(32):
            file, _, pointer = ref.partition("#")
            try:
                source = self.read(source.path.parent / file) if file else source
            except SourceError:
                return None
            path, node = _descend(source.data, pointer_parts(pointer))
            if path is None:
                return None
            if not (isinstance(node, dict) and isinstance(node.get("$ref"), str)):
                return Target(source, path, node)
            ref = node["$ref"]
        return None

    def resolved(self, source: Source, node: Any) -> Any:
        """Return the node, or what it refers to; an empty object when the reference is broken."""
        if isinstance(node, dict) and isinstance(node.get("$ref"), str):
            target = self.follow(source, node["$ref"])
            return target.node if target else {}
        return node

    def registry(self) -> Registry[Any]:
        """Return a schema registry that serves every document under its file address."""

        def retrieve(uri: str) -> Resource[Any]:
            for path, source in self.sources.items():
                if path.as_uri() == uri:
                    return Resource.opaque(source.data)
            raise NoSuchResource(uri)

        return Registry(retrieve=retrieve)  # type: ignore[call-arg]

    def documents(self, key: str) -> list[Source]:
        """Return the documents that have a top-level key such as `openapi`."""
        return [one for one in self.sources.values() if isinstance(one.data, dict) and key in one.data]


def _descend(node: Any, parts: list[str]) -> tuple[JsonPath | None, Any]:
    path: JsonPath = ()
    for part in parts:
        if isinstance(node, dict) and part in node:
            path, node = (*path, part), node[part]
        elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
            path, node = (*path, int(part)), node[int(part)]
        else:
            return None, None
    return path, node


def mapping(node: Any, *keys: str) -> JsonObject:
    """Return a nested mapping; an empty one where anything on the way is missing or is not a mapping."""
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}
