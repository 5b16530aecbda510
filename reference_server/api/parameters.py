"""Path, query and header parameters of one operation: found, coerced from text to their type, and validated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from reference_server.api.schemas import CompiledSchema
from reference_server.domain.errors import InvalidParameter, Violation

_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?", re.ASCII)

_SHORT = 100
_MOST_VALID = 1000
"""How many texts that were found valid a parameter keeps: names of symbols and accounts come again and again."""

RawHeaders = Sequence[tuple[bytes, bytes]]


class CompiledParameter:
    """One parameter: `read` gives its value in the contract's type."""

    def __init__(self, parameter: dict[str, Any]) -> None:
        self.name: str = parameter["name"]
        self.place: str = parameter["in"]
        self.is_required = bool(parameter.get("required"))
        self.header = self.name.lower().encode("ascii")
        schema = parameter.get("schema", {})
        self._kind = schema.get("type", "string")
        self._schema = CompiledSchema(schema)
        self._valid: set[str] = set()

    def read(self, text: str, wrong: list[Violation]) -> Any:
        """Return the value of the text; what is wrong with it is added to `wrong`."""
        if text in self._valid:
            return text
        value = _coerced(self._kind, text)
        if not self._schema.is_valid(value):
            wrong.extend(self._schema.violations(value, root=self.name))
        elif self._kind == "string" and len(text) <= _SHORT and len(self._valid) < _MOST_VALID:
            self._valid.add(text)
        return value


class CompiledParameters:
    """All parameters of one operation."""

    def __init__(self, parameters: Sequence[dict[str, Any]]) -> None:
        compiled = [CompiledParameter(one) for one in parameters]
        self._path = [one for one in compiled if one.place == "path"]
        self._query = {one.name: one for one in compiled if one.place == "query"}
        self._headers = {one.header: one for one in compiled if one.place == "header"}
        self._required = [one for one in compiled if one.is_required and one.place != "path"]

    def read(self, path: dict[str, str], query: bytes, headers: RawHeaders) -> dict[str, Any]:
        """Return the values by name, absent ones left out. Raises InvalidParameter naming every fault."""
        wrong: list[Violation] = []
        values: dict[str, Any] = {}
        for one in self._path:
            values[one.name] = one.read(path[one.name], wrong)
        if self._query and query:
            self._read_query(query, values, wrong)
        if self._headers:
            self._read_headers(headers, values, wrong)
        for one in self._required:
            if one.name not in values:
                wrong.append(Violation(one.name, "is required"))
        if wrong:
            first = wrong[0]
            raise InvalidParameter(f"The parameter {first.field} {first.message}.", violations=tuple(wrong))
        return values

    def _read_query(self, query: bytes, values: dict[str, Any], wrong: list[Violation]) -> None:
        try:
            pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=100)
        except ValueError:
            raise InvalidParameter("The query has more than 100 fields.") from None
        for name, text in pairs:
            one = self._query.get(name)
            if one is None:
                continue
            if name in values:
                wrong.append(Violation(name, "must be given once"))
                continue
            values[name] = one.read(text, wrong)

    def _read_headers(self, headers: RawHeaders, values: dict[str, Any], wrong: list[Violation]) -> None:
        for raw_name, raw_value in headers:
            one = self._headers.get(raw_name)
            if one is None:
                continue
            if one.name in values:  # which of two accounts, or of two keys, is not to be guessed
                wrong.append(Violation(one.name, "must be given once"))
                continue
            values[one.name] = one.read(raw_value.decode("latin-1"), wrong)


def _coerced(kind: str, text: str) -> Any:
    """Return the value in the schema's type where the text has that form, else the text, which the schema refuses."""
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        return float(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text
