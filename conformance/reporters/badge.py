"""badge.json: what shields.io's endpoint badge reads (https://shields.io/badges/endpoint-badge)."""

from typing import Any

from conformance.outcomes import Verdict
from conformance.reporters.document import Document

__all__ = ["build_badge"]


def build_badge(document: Document) -> dict[str, Any]:
    """Return the badge. Only a run of the whole profile says conformant; a narrowed one says that it was."""
    verdict = Verdict(document["verdict"])
    if verdict is Verdict.NON_CONFORMANT:
        message, color = f"{document['counts']['fail']} failed", "red"
    elif not document["is_complete_selection"]:
        message, color = "judged in part", "lightgrey"
    elif verdict is Verdict.INCOMPLETE:
        message, color = "incomplete", "yellow"
    else:
        message, color = "conformant", "brightgreen"
    return {
        "schemaVersion": 1,
        "label": f"Tonpo {document['target']['profile']} {document['spec']['version']}",
        "message": message,
        "color": color,
        "isError": verdict is Verdict.NON_CONFORMANT,
    }
