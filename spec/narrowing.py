"""Narrowing of a contract document to the capabilities that a gateway claims.

A node with `x-capability: name` belongs to that capability; beside an `enum` or `x-known-values`,
`x-capability-values` maps single values to theirs. What belongs to an unclaimed capability disappears, with everything
that only it needed.
"""

from collections.abc import Collection, Iterator
from typing import Any

from spec.yaml_source import JsonObject

_METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
_DATA_KEYS = {"example", "examples", "default", "enum", "const"}


def all_capabilities(document: JsonObject) -> frozenset[str]:
    """Return every capability that a document names."""
    return frozenset(_named(document))


def narrow(document: JsonObject, capabilities: Collection[str]) -> JsonObject:
    """Return a copy of an OpenAPI or a bundled AsyncAPI document with only what the capabilities contain.

    Removed: nodes of other capabilities, references to them, `required` entries of removed properties, enum values and
    reasons of other capabilities, path items without operations, operations without messages, and components which only
    removed nodes referred to.
    """
    kept = frozenset(capabilities)
    removed_values = frozenset(_removed_values(document, kept))
    result: JsonObject = _prune(document, kept, removed_values)
    while True:
        before = _dangling(result)
        if not before:
            break
        result = _without_dangling(result, before)
    if "paths" in result:
        result["paths"] = {
            path: item for path, item in result["paths"].items() if "$ref" in item or _METHODS & item.keys()
        }
    _drop_unused_components(document, result)
    return result


def _named(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from _capabilities_of(node)
        values = node.get("x-capability-values")
        if isinstance(values, dict):
            yield from (str(value) for value in values.values())
        for key, value in node.items():
            if key not in _DATA_KEYS:
                yield from _named(value)
    elif isinstance(node, list):
        for item in node:
            yield from _named(item)


def _capabilities_of(node: JsonObject) -> list[str]:
    capability = node.get("x-capability")
    if isinstance(capability, str):
        return [capability]
    return [str(one) for one in capability] if isinstance(capability, list) else []


def _is_unclaimed(node: Any, kept: frozenset[str]) -> bool:
    named = _capabilities_of(node) if isinstance(node, dict) else []
    return bool(named) and kept.isdisjoint(named)


def _removed_values(node: JsonObject, kept: frozenset[str]) -> Iterator[str]:
    """Yield the reasons which belong to unclaimed capabilities, so that `x-reasons` lists lose them too."""
    reasons = node.get("components", {}).get("schemas", {}).get("Error", {}).get("properties", {}).get("reason", {})
    for value, capability in reasons.get("x-capability-values", {}).items():
        if capability not in kept:
            yield value


def _prune(node: Any, kept: frozenset[str], removed_reasons: frozenset[str]) -> Any:
    if isinstance(node, list):
        return [_prune(item, kept, removed_reasons) for item in node if not _is_unclaimed(item, kept)]
    if not isinstance(node, dict):
        return node
    result: JsonObject = {
        key: _prune(value, kept, removed_reasons) for key, value in node.items() if not _is_unclaimed(value, kept)
    }
    _prune_required(node, result)
    values = node.get("x-capability-values")
    if isinstance(values, dict):
        for listing in ("enum", "x-known-values"):
            if isinstance(node.get(listing), list):
                result[listing] = [one for one in node[listing] if one not in values or values[one] in kept]
        result["x-capability-values"] = {value: name for value, name in values.items() if name in kept}
    if isinstance(node.get("x-reasons"), list):
        result["x-reasons"] = [reason for reason in node["x-reasons"] if reason not in removed_reasons]
    return result


def _prune_required(before: JsonObject, after: JsonObject) -> None:
    properties, required = before.get("properties"), before.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        gone = properties.keys() - after["properties"].keys()
        after["required"] = [name for name in required if name not in gone]
        if not after["required"]:
            del after["required"]


def _local_refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        ref = node.get("$ref")
        if isinstance(ref, str) and ref.startswith("#/"):
            yield ref
        mapping = node.get("mapping")
        if isinstance(mapping, dict):
            yield from (one for one in mapping.values() if isinstance(one, str) and one.startswith("#/"))
        for value in node.values():
            yield from _local_refs(value)
    elif isinstance(node, list):
        for item in node:
            yield from _local_refs(item)


def _exists(document: JsonObject, ref: str) -> bool:
    node: Any = document
    for part in ref[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict) and name in node:
            node = node[name]
        elif isinstance(node, list) and name.isdigit() and int(name) < len(node):
            node = node[int(name)]
        else:
            return False
    return True


def _dangling(document: JsonObject) -> frozenset[str]:
    return frozenset(ref for ref in set(_local_refs(document)) if not _exists(document, ref))


def _without_dangling(node: Any, gone: frozenset[str]) -> Any:
    """Remove references to removed nodes; an operation or reply that thereby loses its last message goes as well."""

    def points_nowhere(child: Any) -> bool:
        if isinstance(child, dict) and child.get("$ref") in gone:
            return True
        messages = child.get("messages") if isinstance(child, dict) else None
        return (
            isinstance(messages, list) and bool(messages) and all(one.get("$ref") in gone for one in messages)
        ) and "channel" in child

    if isinstance(node, list):
        return [_without_dangling(item, gone) for item in node if not points_nowhere(item)]
    if not isinstance(node, dict):
        return node
    result: JsonObject = {
        key: _without_dangling(value, gone) for key, value in node.items() if not points_nowhere(value)
    }
    _prune_required(node, result)
    mapping = node.get("mapping")
    if isinstance(mapping, dict):
        result["mapping"] = {key: ref for key, ref in mapping.items() if ref not in gone}
    return result


def _drop_unused_components(before: JsonObject, after: JsonObject) -> None:
    used_before = _reachable(before, _roots(before))
    never_used = [name for name in _component_names(before) if name not in used_before]
    used_after = _reachable(after, [*_roots(after), *(_component(after, name) for name in never_used)])
    for kind, name in _component_names(after):
        if (kind, name) in used_before and (kind, name) not in used_after:
            del after["components"][kind][name]
    for kind in [kind for kind, entries in after.get("components", {}).items() if entries == {}]:
        if before["components"][kind]:
            del after["components"][kind]


def _roots(document: JsonObject) -> list[Any]:
    return [value for key, value in document.items() if key != "components"]


def _component_names(document: JsonObject) -> list[tuple[str, str]]:
    return [
        (kind, name)
        for kind, entries in document.get("components", {}).items()
        if kind != "securitySchemes" and isinstance(entries, dict)
        for name in entries
    ]


def _component(document: JsonObject, name: tuple[str, str]) -> Any:
    return document.get("components", {}).get(name[0], {}).get(name[1])


def _reachable(document: JsonObject, roots: list[Any]) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    pending = list(roots)
    while pending:
        for ref in _local_refs(pending.pop()):
            parts = ref[2:].split("/")
            if parts[0] == "components" and len(parts) >= 3 and (parts[1], parts[2]) not in found:
                found.add((parts[1], parts[2]))
                pending.append(_component(document, (parts[1], parts[2])))
    return found
