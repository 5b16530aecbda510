"""Group filters: which names a pattern selects."""

from collections.abc import Iterable


def matches(name: str, pattern: str) -> bool:
    """Whether a group filter selects a name: parts by comma or blank, `*` anywhere, `!` excludes at once."""
    included = False
    for part in pattern.replace(",", " ").split():
        if part.startswith("!"):
            if _wild(name, part[1:]):
                return False
        elif _wild(name, part):
            included = True
    return included


def select(names: Iterable[str], pattern: str) -> set[str]:
    """The names a group filter selects."""
    return {name for name in names if matches(name, pattern)}


def _wild(name: str, pattern: str) -> bool:
    pieces = pattern.split("*")
    if len(pieces) == 1:
        return name == pattern
    if not name.startswith(pieces[0]):
        return False
    at = len(pieces[0])
    for piece in pieces[1:-1]:
        found = name.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(name) - at >= len(pieces[-1]) and name.endswith(pieces[-1])
