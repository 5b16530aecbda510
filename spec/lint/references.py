"""References: none is broken, and no shared component is unused."""

from collections.abc import Iterator
from typing import Any

from spec.lint.finding import Say
from spec.lint.project import Project, mapping
from spec.yaml_source import JsonPath, Source

_CHECKED_KINDS = ("schemas", "responses", "parameters", "requestBodies", "headers", "messages")


def check_references(project: Project, source: Source, say: Say) -> bool:
    """Report each reference of a document that points to nothing; return whether all are sound."""
    sound = True
    for path, ref in references(source.data):
        if project.follow(source, ref) is None:
            sound = False
            say(path, "ref-broken", f"{ref} points to nothing")
    return sound


def check_unused(project: Project, source: Source, say: Say) -> None:
    """Report shared components to which no document of the project refers."""
    used = {
        (target.source.path.resolve(), target.path)
        for one in list(project.sources.values())
        for target in _targets(project, one)
    }
    for kind in _CHECKED_KINDS:
        for name, component in mapping(source.data, "components", kind).items():
            if isinstance(component, dict) and component.get("x-outside-operations") is True:
                continue  # an error answer that the gateway gives where no operation is
            if (source.path.resolve(), ("components", kind, name)) not in used:
                say(("components", kind, name), "component-unused", f"nothing refers to {kind}/{name}")


class _Pointed:
    """One direct target of a reference, before chains are followed."""

    def __init__(self, source: Source, path: JsonPath) -> None:
        self.source = source
        self.path = path


def _targets(project: Project, source: Source) -> Iterator[_Pointed]:
    for _, ref in references(source.data):
        file, _, pointer = ref.partition("#")
        if project.follow(source, ref) is None:
            continue
        home = project.read(source.path.parent / file) if file else source
        parts = pointer.split("/")[1:4]
        yield _Pointed(home, tuple(parts))


def references(node: Any, path: JsonPath = ()) -> Iterator[tuple[JsonPath, str]]:
    """Yield every reference of a document with its place; examples are data and are passed over."""
    if isinstance(node, dict):
        ref = node.get("$ref")
        if isinstance(ref, str):
            yield (*path, "$ref"), ref
        if isinstance(node.get("discriminator"), dict):
            for key, value in mapping(node, "discriminator", "mapping").items():
                if isinstance(value, str) and "#" in value:
                    yield (*path, "discriminator", "mapping", key), value
        for key, value in node.items():
            if key not in {"example", "payload_example"}:
                yield from references(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from references(value, (*path, index))
