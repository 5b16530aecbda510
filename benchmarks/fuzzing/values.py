"""Valid values of the contract's schemas, and the same with something wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final

from benchmarks.fuzzing.json_text import LITERALS, STRINGS, WRONG_TYPES, Members, Raw, nested, render
from spec.documents import JsonObject, resolve

_FREE_TEXT: Final = "abcXYZ 019-_.~üß€"
_DEPTHS: Final = (8, 31, 32, 33, 64, 1_000, 10_000)
_OPTIONAL_SHARE: Final = 0.35


class Sampler:
    """Makes values of schemas. `pools` holds likely values by the name of a property or parameter."""

    def __init__(self, document: JsonObject, pools: Mapping[str, Sequence[Any]]) -> None:
        self._document = document
        self.pools = pools

    def flat(self, schema: JsonObject) -> JsonObject:
        """Give the schema with its reference followed."""
        found: JsonObject = resolve(self._document, schema["$ref"]) if "$ref" in schema else schema
        return found

    def valid(self, schema: JsonObject, random: Random, name: str = "") -> Any:
        """Make a value that the schema allows; often one that the gateway can do something with."""
        schema = self.flat(schema)
        if name in self.pools and random.random() < 0.9:
            return random.choice(self.pools[name])
        if schema.get("nullable") and random.random() < 0.1:
            return None
        if "enum" in schema:
            return random.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._object(schema, random)
            case "array":
                count = random.randint(schema.get("minItems", 0), min(schema.get("maxItems", 4), 4))
                return [self.valid(schema["items"], random, name.removesuffix("s")) for _ in range(count)]
            case "integer":
                return random.choice(
                    (schema.get("minimum", 0), schema.get("maximum", 2**53 - 1), schema.get("example", 1))
                )
            case "number":
                least = schema.get("minimum", 0) + (0.00001 if schema.get("exclusiveMinimum") else 0)
                return random.choice((least, schema.get("maximum", 1e9), schema.get("example", 1.0), 1.0851))
            case "boolean":
                return random.random() < 0.5
            case _:
                return self._string(schema, random)

    def _object(self, schema: JsonObject, random: Random) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        if "anyOf" in schema:
            required |= set(random.choice(schema["anyOf"]).get("required", ()))
        return {
            name: self.valid(one, random, name)
            for name, one in schema.get("properties", {}).items()
            if name in required or random.random() < _OPTIONAL_SHARE
        }

    def _string(self, schema: JsonObject, random: Random) -> str:
        if "example" in schema and random.random() < 0.7:
            return str(schema["example"])
        longest = min(schema.get("maxLength", 40), 40)
        text = "".join(random.choice(_FREE_TEXT) for _ in range(random.randint(schema.get("minLength", 0), longest)))
        return (
            text if "pattern" not in schema else "".join(one for one in text if one.isascii() and one.isalnum()) or "x"
        )

    def mutated(self, schema: JsonObject, random: Random) -> bytes:
        """Make JSON text of a valid value with one or two things changed; it may happen to be valid still."""
        value = self.valid(schema, random)
        for _ in range(random.choice((1, 1, 1, 2))):
            value = self._changed(value, self.flat(schema), random)
        text = render(value, random)
        return random.choice(_TEXT_CHANGES)(text, random) if random.random() < 0.15 else text

    def _changed(self, value: Any, schema: JsonObject, random: Random) -> Any:
        if not isinstance(value, dict) or random.random() < 0.08:
            return self._replaced(schema, random)
        fields = schema.get("properties", {})
        change = random.random()
        if change < 0.1 and value:
            gone = random.choice(sorted(value))
            return {name: one for name, one in value.items() if name != gone}
        if change < 0.2:
            added = random.choice(("extra", "__proto__", "", "a" * 5_000, "type", "api_key", "\u0000"))
            return {**value, added: random.choice(WRONG_TYPES)}
        if change < 0.3 and value:
            twice = random.choice(sorted(value))
            again = random.choice((value[twice], None, random.choice(WRONG_TYPES)))
            return Members((*value.items(), (twice, again)))
        name = random.choice(sorted(value.keys() | fields.keys()) or ["a"])
        return {**value, name: self._replaced(self.flat(fields.get(name, {})), random)}

    def _replaced(self, schema: JsonObject, random: Random) -> Any:
        """Make a value that breaks the schema, or stands at its edge."""
        kind = random.random()
        if kind < 0.35 and (edges := edges_of(schema)):
            return random.choice(edges)
        if kind < 0.55:
            return random.choice(WRONG_TYPES)
        if kind < 0.75:
            return random.choice(LITERALS)
        if kind < 0.92:
            return random.choice(STRINGS)
        return nested(random.choice(_DEPTHS), random)


def edges_of(schema: JsonObject) -> list[Any]:
    """List the values at and beside every bound of a schema."""
    found: list[Any] = []
    for bound in ("minimum", "maximum"):
        if bound in schema:
            edge = schema[bound]
            found += [
                edge - 1,
                edge,
                edge + 1,
                edge + 0.5,
                float(edge),
                Raw(b"%d.0" % edge),
                str(edge),
                Raw(b"%de0" % edge),
            ]
    for bound in ("minLength", "maxLength"):
        if bound in schema:
            found += ["a" * max(0, schema[bound] + step) for step in (-1, 0, 1)] + ["€" * schema[bound]]
    for bound in ("minItems", "maxItems"):
        if bound in schema:
            found += [["EURUSD"] * max(0, schema[bound] + step) for step in (-1, 0, 1)]
    for value in schema.get("enum", ()):
        found += [value.upper() if isinstance(value, str) else value, f"{value} ", value]
    return found


_TEXT_CHANGES: Final[tuple[Callable[[bytes, Random], bytes], ...]] = (
    lambda text, random: text[: random.randrange(len(text) + 1)],
    lambda text, _: text + b" {}",
    lambda text, _: b"\xef\xbb\xbf" + text,
    lambda text, _: text.decode("utf-8", "replace").encode("utf-16"),
    lambda text, _: text.decode("utf-8", "replace").encode("utf-32-le"),
    lambda text, _: b" \n\t\r" * 50 + text + b"\n\n",
    lambda text, _: text.replace(b'"', b"'"),
    lambda text, _: text.replace(b",", b",,", 1),
    lambda text, _: text + b"\x00",
    lambda text, random: bytes(one ^ (1 << random.randrange(8)) if random.random() < 0.02 else one for one in text),
)
