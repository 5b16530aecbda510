"""`tonpo spec bundle`: one self-contained file of each document."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from spec.documents import bundle_asyncapi, bundle_openapi
from spec.narrowing import narrow
from spec.yaml_source import JsonObject, Position, SourceError, read_yaml

FORMATS = ("yaml", "json")


class _Dumper(yaml.SafeDumper):
    """Writes every node in full: a bundle has no anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's own signature
        return True


def bundle(path: Path, capabilities: Collection[str] | None = None) -> JsonObject:
    """Return a document as one self-contained object, narrowed to capabilities when they are given.

    Raises SourceError when it cannot be read, ReferenceBroken when a reference points to nothing.
    """
    head = read_yaml(path)
    if not isinstance(head, dict) or not {"openapi", "asyncapi"} & head.keys():
        raise SourceError(path, Position(1, 1), "document", "is neither an OpenAPI nor an AsyncAPI document")
    document = bundle_openapi(path) if "openapi" in head else bundle_asyncapi(path)
    return document if capabilities is None else narrow(document, capabilities)


def render(document: JsonObject, format_name: str) -> str:
    """Return a document as text, `yaml` or `json`, keys in the order of the source."""
    if format_name == "json":
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
