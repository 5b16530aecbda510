"""Read headers that are lists of structured fields (RFC 9651), such as `"default";r=57;t=31`."""

import re
from dataclasses import dataclass, field

__all__ = ["Member", "members"]

_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
_WORD = r"[A-Za-z*][!#-'*+.^_`|~0-9A-Za-z:/-]*"
_NUMBER = r"-?[0-9]{1,15}(?:\.[0-9]{1,3})?"
_OTHER = r":[A-Za-z0-9+/=]*:|\?[01]|@-?[0-9]{1,15}"
_NAME = re.compile(rf"(?:{_STRING}|{_WORD}|{_NUMBER})")
_PARAMETER = re.compile(rf";[ ]*([a-z*][a-z0-9_.*-]*)(?:=({_STRING}|{_OTHER}|{_NUMBER}|{_WORD}))?")
_COMMA = re.compile(r"[ \t]*,[ \t]*")


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a list: its name without quotes, and its parameters as they were written."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)

    def count(self, parameter: str) -> int | None:
        """Return a parameter as a whole number of 0 or more; None when it is absent or anything else."""
        text = self.parameters.get(parameter, "")
        return int(text) if text.isascii() and text.isdigit() else None


def members(text: str | None) -> tuple[Member, ...] | None:
    """Return the members of a list, or None when the text is no list of items with parameters, or empty."""
    rest = (text or "").strip(" ")
    found: list[Member] = []
    while True:
        name = _NAME.match(rest)
        if name is None:
            return None
        rest = rest[name.end() :]
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(rest)) is not None:
            parameters[parameter[1]] = parameter[2] if parameter[2] is not None else "?1"
            rest = rest[parameter.end() :]
        found.append(Member(_unquoted(name[0]), parameters))
        if not rest:
            return tuple(found)
        comma = _COMMA.match(rest)
        if comma is None:
            return None
        rest = rest[comma.end() :]


def _unquoted(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name
