"""Search what a gateway said for texts that it must not say."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from conformance.exchange import Entry, Exchange

__all__ = ["Leak", "find_leaks", "is_telling"]

SHORTEST_TELLING = 8


@dataclass(frozen=True, slots=True)
class Leak:
    """One place where a secret came back. `operation` is None for a message and for a request of no operation."""

    where: str
    operation: str | None
    number: int


def is_telling(secret: str) -> bool:
    """Say whether a text is so unusual that finding it again means that it came back: `demo` is everywhere."""
    return len(secret) >= SHORTEST_TELLING and not secret.isalpha()


def find_leaks(entries: Iterable[Entry], secrets: Iterable[str], *, whole_words: bool = False) -> list[Leak]:
    """Return every answer and received message that holds one of `secrets`, plain, JSON-escaped or URL-encoded.

    With `whole_words` a secret inside a longer run of letters and digits does not count.
    """
    shapes = {shape for one in secrets for shape in (one, json.dumps(one)[1:-1], quote(one, safe="")) if shape}
    said = list(_said(entries))
    everything = "\0".join(text for text, _ in said)
    found = [shape for shape in shapes if shape in everything]  # far cheaper than one search for all of them
    if not found:
        return []
    inner = "|".join(map(re.escape, sorted(found, key=len, reverse=True)))
    pattern = re.compile(rf"(?<![0-9A-Za-z])(?:{inner})(?![0-9A-Za-z])" if whole_words else inner)
    return [leak for text, leak in said if pattern.search(text)]


def _said(entries: Iterable[Entry]) -> Iterator[tuple[str, Leak]]:
    for entry in entries:
        if isinstance(entry, Exchange):
            path = entry.request.url.split("/", 3)[-1].partition("?")[0]
            where = f"{entry.status} of {entry.request.method} /{path}"
            headers = "\n".join(f"{name}: {value}" for name, value in entry.response.headers)
            text = f"{headers}\n\n{entry.response.body.decode(errors='replace')}"
            yield text, Leak(where, entry.operation, entry.number)
        elif entry.direction == "received":
            yield entry.text, Leak(f"a message on {entry.connection}", None, entry.number)
