"""Render a request as a curl command that a reader can paste."""

import re
import shlex

from conformance.exchange import Request
from conformance.redaction import Redactor

__all__ = ["curl_command"]

LONGEST_BODY = 4000
"""Characters of a body that are printed; a longer one is described instead."""

_SENT_BY_CURL = {"host", "content-length", "accept-encoding", "user-agent", "accept"}


def curl_command(request: Request, redactor: Redactor) -> str:
    """Return the curl command for `request`, with secrets as shell variables such as `$TONPO_API_KEY`."""
    parts = ["curl -sS -i"]
    if request.method != "GET" or request.body is not None:
        parts.append(f"-X {request.method}")
    parts.append(_quoted(redactor.text(request.url), redactor))
    parts += [
        f"-H {_quoted(redactor.text(f'{name}: {value}'), redactor)}"
        for name, value in request.headers
        if name.lower() not in _SENT_BY_CURL
    ]
    if request.body is not None:
        parts.append(_body(request.body, redactor))
    return " ".join(parts)


def _body(body: bytes, redactor: Redactor) -> str:
    try:
        text = redactor.text(body.decode())
    except UnicodeDecodeError:
        told = redactor.text(body.decode(errors="surrogateescape")).encode(errors="surrogateescape")
        return "--data-binary $'" + "".join(f"\\x{byte:02x}" for byte in told[:LONGEST_BODY]) + "'"
    if len(text) > LONGEST_BODY:
        return f"--data-binary @body  # {len(body)} bytes, beginning {text[:80]!r}"
    return f"--data-binary {_quoted(text, redactor)}"


def _quoted(text: str, redactor: Redactor) -> str:
    """Quote for a shell so that placeholders still expand and nothing else does."""
    used = [name for name in redactor.names if name in text]
    if not used:
        return shlex.quote(text)
    longest_first = re.compile("|".join(re.escape(name) for name in sorted(used, key=len, reverse=True)))
    pieces, end = [], 0
    for match in longest_first.finditer(text):
        pieces += [_escaped(text[end : match.start()]), match.group()]
        end = match.end()
    return '"' + "".join([*pieces, _escaped(text[end:])]) + '"'


def _escaped(text: str) -> str:
    return re.sub(r'([\\"`$])', r"\\\1", text)
