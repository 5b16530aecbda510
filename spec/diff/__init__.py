"""`tonpo spec diff`: which changes of the contract break clients, and which break gateways.

A document describes data that one side writes and the other reads. Allowing less breaks writers, allowing more breaks
readers: narrowing a request breaks clients and narrowing an answer breaks gateways; widening does the reverse. What
belongs to a capability, or is marked `x-optional`, may be added freely.
"""

from pathlib import Path

from spec.bundle import bundle
from spec.diff.asyncapi import diff_asyncapi
from spec.diff.change import Audience, Change, Sender
from spec.diff.openapi import diff_openapi
from spec.yaml_source import JsonObject

__all__ = ["Audience", "Change", "KindsDiffer", "Sender", "diff", "diff_files"]


class KindsDiffer(Exception):
    """Two documents of different kinds cannot be compared."""


def diff(old: JsonObject, new: JsonObject) -> list[Change]:
    """Compare two self-contained documents of one kind. Raises KindsDiffer, ReferenceBroken."""
    if "openapi" in old and "openapi" in new:
        changes = list(diff_openapi(old, new))
    elif "asyncapi" in old and "asyncapi" in new:
        changes = list(diff_asyncapi(old, new))
    else:
        raise KindsDiffer("one is an OpenAPI and the other an AsyncAPI document: compare two of a kind")
    return list(dict.fromkeys(changes))


def diff_files(old: Path, new: Path) -> list[Change]:
    """Compare two files. Raises SourceError, KindsDiffer, ReferenceBroken."""
    return diff(bundle(old), bundle(new))
