"""The two contract documents as data: load, resolve references, narrow to capabilities, bundle.

Documents are JSON-shaped dictionaries in which every `$ref` is kept. Each load returns a fresh copy.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spec.narrowing import all_capabilities, narrow
from spec.yaml_source import JsonObject, Position, SourceError, read_yaml

__all__ = [
    "ASYNCAPI_PATH",
    "OPENAPI_PATH",
    "REQUIREMENTS_PATH",
    "JsonObject",
    "ReferenceBroken",
    "SourceError",
    "all_capabilities",
    "bundle_asyncapi",
    "bundle_openapi",
    "load_asyncapi",
    "load_openapi",
    "load_requirements",
    "narrow",
    "resolve",
]

_FOLDER = Path(__file__).parent
OPENAPI_PATH = _FOLDER / "openapi.yaml"
ASYNCAPI_PATH = _FOLDER / "asyncapi.yaml"
REQUIREMENTS_PATH = _FOLDER / "requirements.yaml"


class ReferenceBroken(LookupError):
    """A `$ref` that points to nothing."""


def load_openapi(path: Path | None = None) -> JsonObject:
    """Return the OpenAPI document, by default the packaged one. Raises SourceError."""
    return _load_object(path or OPENAPI_PATH)


def load_asyncapi(path: Path | None = None) -> JsonObject:
    """Return the AsyncAPI document, by default the packaged one; it refers to `./openapi.yaml`. Raises SourceError."""
    return _load_object(path or ASYNCAPI_PATH)


def load_requirements(path: Path | None = None) -> JsonObject:
    """Return the ledger of requirements, by default the packaged one. Raises SourceError."""
    return _load_object(path or REQUIREMENTS_PATH)


def resolve(document: JsonObject, ref: str, others: Mapping[str, JsonObject] | None = None) -> Any:
    """Return what a `$ref` points to, following chains of references.

    A reference into another file (`./openapi.yaml#/...`) is looked up in `others` by file name; without an entry there,
    `openapi.yaml` and `asyncapi.yaml` mean the packaged documents. Raises ReferenceBroken.
    """
    seen: set[str] = set()
    while True:
        if ref in seen:
            raise ReferenceBroken(f"{ref} refers to itself")
        seen.add(ref)
        file, _, pointer = ref.partition("#")
        if file:
            document = _other_document(file, others or {})
        target = _follow(document, pointer, ref)
        if not (isinstance(target, dict) and isinstance(target.get("$ref"), str)):
            return target
        ref = target["$ref"]


def bundle_openapi(path: Path | None = None) -> JsonObject:
    """Return the OpenAPI document as one self-contained object."""
    path = path or OPENAPI_PATH
    return _inline_other_files(load_openapi(path), path)


def bundle_asyncapi(path: Path | None = None) -> JsonObject:
    """Return the AsyncAPI document as one self-contained object: shared schemas move into its own components."""
    path = path or ASYNCAPI_PATH
    return _inline_other_files(load_asyncapi(path), path)


def _load_object(path: Path) -> JsonObject:
    data = read_yaml(path)
    if not isinstance(data, dict):
        raise SourceError(path, Position(1, 1), "document", "the document must be a mapping")
    return data


def _other_document(file: str, others: Mapping[str, JsonObject]) -> JsonObject:
    name = file.removeprefix("./")
    if name in others:
        return others[name]
    if name in {"openapi.yaml", "asyncapi.yaml"}:
        return _load_object(_FOLDER / name)
    raise ReferenceBroken(f"{file} is not a document of this contract")


def _follow(document: Any, pointer: str, ref: str) -> Any:
    node = document
    for part in pointer_parts(pointer):
        if isinstance(node, dict) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            raise ReferenceBroken(f"{ref} points to nothing")
    return node


def pointer_parts(pointer: str) -> list[str]:
    """Return the unescaped parts of a JSON pointer, without its `#`."""
    text = pointer.removeprefix("#")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _inline_other_files(document: JsonObject, path: Path) -> JsonObject:
    """Copy every component that a reference to another file needs, and point the reference at the copy."""
    others: dict[str, JsonObject] = {}
    pending: list[tuple[str, str, str]] = []

    def rewrite(node: Any, home: str) -> Any:
        if isinstance(node, list):
            return [rewrite(item, home) for item in node]
        if not isinstance(node, dict):
            return node
        result = {key: rewrite(value, home) for key, value in node.items()}
        ref = node.get("$ref")
        if isinstance(ref, str):
            file, _, pointer = ref.partition("#")
            file = file.removeprefix("./") or home
            if file:
                parts = pointer_parts(pointer)
                if len(parts) != 3 or parts[0] != "components":
                    raise ReferenceBroken(f"{ref}: only whole components of another file can be bundled")
                pending.append((file, parts[1], parts[2]))
            result["$ref"] = f"#{pointer}"
        return result

    bundled: JsonObject = rewrite(document, "")
    components = bundled.setdefault("components", {}) if pending else {}
    copied: dict[tuple[str, str], str] = {}
    while pending:
        file, kind, name = pending.pop()
        if copied.get((kind, name)) == file:
            continue
        if name in components.get(kind, {}):
            raise ReferenceBroken(f"{file}#/components/{kind}/{name}: the name is already taken in {path.name}")
        if file not in others:
            others[file] = _load_object(path.parent / file)
        source = _follow(others[file], f"/components/{kind}/{name}", f"{file}#/components/{kind}/{name}")
        components.setdefault(kind, {})[name] = rewrite(source, file)
        copied[(kind, name)] = file
    return bundled
