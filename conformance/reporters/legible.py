"""Make foreign text safe to show: no secrets, nothing that a file format or a reader's screen would trip over."""

import re

from conformance.redaction import Redactor

__all__ = ["Legible", "clipped", "visible"]

_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, but for tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what reverses the direction of the text around it
    "\ud800-\udfff\ufdd0-\ufdef\ufeff\ufffe\uffff]"  # halves of characters and what is no character
)
_DELETE = 0x7F
_CONTROL_PICTURES = 0x2400


def visible(text: str) -> str:
    r"""Return `text` with control pictures (`␀`) and escapes (`\u202e`) in place of what cannot be shown.

    The rest is allowed in XML 1.0, in UTF-8 and in JSON. A carriage return before a line feed is dropped.
    """
    return _UNSHOWABLE.sub(_picture, text.replace("\r\n", "\n"))


def clipped(text: str, most: int) -> str:
    """Return at most `most` characters of `text`, followed by a mark that says how many are absent."""
    if len(text) <= most:
        return text
    return f"{text[:most]} … ({len(text) - most} more characters)"


class Legible:
    """Turns foreign text into what a report may hold. Secrets go first: nothing may cut one in half before."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, text: str, most: int | None = None) -> str:
        """Return `text` without secrets, visible, and with at most `most` characters."""
        shown = visible(self._redactor.text(text))
        return shown if most is None else clipped(shown, most)

    @property
    def redactor(self) -> Redactor:
        """Return what knows the secrets."""
        return self._redactor


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < ord(" "):
        return chr(_CONTROL_PICTURES + code)
    return "␡" if code == _DELETE else f"\\u{code:04x}"
