"""Rules for the AsyncAPI document."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

from spec.lint.finding import Say
from spec.lint.project import Project, mapping
from spec.lint.schemas import OPENAPI_SCHEMA_FORMAT, SchemaLint
from spec.yaml_source import JsonObject, JsonPath, Source

_STANDARD = Path(__file__).parent.parent / "vendor" / "asyncapi-3.0.0.schema.json"


def check_standard(source: Source, say: Say) -> None:
    """Report where the document breaks AsyncAPI's own JSON Schema."""
    schema = json.loads(_STANDARD.read_text(encoding="utf-8"))
    for error in Draft7Validator(schema).iter_errors(source.data):
        cause = best_match([error])
        say(tuple(cause.absolute_path), "asyncapi-standard", cause.message.splitlines()[0][:300])


@dataclass(frozen=True, slots=True)
class AsyncApiLint:
    """The house rules for one AsyncAPI document."""

    project: Project
    source: Source
    say: Say

    def run(self) -> None:
        """Report every broken rule."""
        document = self.source.data
        schemas = SchemaLint(self.project, self.source, self.say)
        schemas.components()
        for place, message in self._messages():
            self._message(place, message, schemas)
        for name, operation in mapping(document, "operations").items():
            if isinstance(operation, dict):
                self._operation(("operations", name), operation)

    def _messages(self) -> Iterator[tuple[JsonPath, JsonObject]]:
        document = self.source.data
        holders: list[JsonPath] = [("components", "messages")]
        holders += [("channels", name, "messages") for name in mapping(document, "channels")]
        for holder in holders:
            for name, message in mapping(document, *(str(part) for part in holder)).items():
                if isinstance(message, dict) and "$ref" not in message:
                    yield (*holder, name), message

    def _message(self, path: JsonPath, message: JsonObject, schemas: SchemaLint) -> None:
        name = str(path[-1])
        if not message.get("description") and not message.get("summary"):
            self.say(path, "message-description", f"message {name} has neither summary nor description")
        examples = message.get("examples")
        if not isinstance(examples, list) or not examples:
            self.say(path, "message-example", f"message {name} has no example")
        payload = message.get("payload")
        if not isinstance(payload, dict):
            self.say(path, "message-payload", f"message {name} has no payload")
            return
        openapi = "schemaFormat" in payload
        if openapi and payload["schemaFormat"] != OPENAPI_SCHEMA_FORMAT:
            place = (*path, "payload", "schemaFormat")
            self.say(place, "message-schema-format", f"message {name}: must be {OPENAPI_SCHEMA_FORMAT}")
        schema_path = (*path, "payload", "schema") if openapi else (*path, "payload")
        schema = payload.get("schema") if openapi else payload
        schemas.described(schema, schema_path, named=False)
        schemas.examples_within(schema, schema_path)
        for index, example in enumerate(examples if isinstance(examples, list) else []):
            if isinstance(example, dict) and "payload" in example:
                schemas.valid(example["payload"], schema_path, (*path, "examples", index, "payload"), openapi=openapi)

    def _operation(self, path: JsonPath, operation: JsonObject) -> None:
        name = str(path[-1])
        if not operation.get("summary") and not operation.get("description"):
            self.say(path, "operation-description", f"operation {name} has neither summary nor description")
        known = self._channel_messages(operation)
        for index, message in enumerate(operation.get("messages", [])):
            ref = message.get("$ref") if isinstance(message, dict) else None
            if isinstance(ref, str) and known and ref not in known:
                place = (*path, "messages", index)
                self.say(place, "operation-message", f"operation {name}: {ref} is not a message of its channel")

    def _channel_messages(self, operation: JsonObject) -> set[str]:
        channel: Any = mapping(operation, "channel").get("$ref")
        if not isinstance(channel, str):
            return set()
        messages = mapping(self.project.resolved(self.source, {"$ref": channel}), "messages")
        return {f"{channel}/messages/{name}" for name in messages}
