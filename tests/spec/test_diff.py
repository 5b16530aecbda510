from collections.abc import Callable
from pathlib import Path

import pytest

from spec.bundle import bundle
from spec.diff import Audience, Change, KindsDiffer, diff

Edit = Callable[[str, str, str], Path]

CLIENTS, GATEWAYS, NOBODY = Audience.CLIENTS, Audience.GATEWAYS, Audience.NOBODY

REST = """\
openapi: 3.0.3
info: {title: Small, version: 1.0.0}
paths:
  /things:
    post:
      operationId: createThing
      parameters:
        - {name: dry, in: query, schema: {type: boolean}}
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/NewThing"}}}
      responses:
        "200":
          description: Done.
          headers: {Location: {schema: {type: string}}}
          content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}
        "404": {description: No., x-reasons: [gone]}
  /extra:
    get: {operationId: getExtra, responses: {"200": {description: Yes.}}}
components:
  schemas:
    NewThing:
      type: object
      required: [name]
      properties:
        name: {type: string, maxLength: 20}
        kind: {type: string, enum: [big, small]}
        count: {type: integer, minimum: 1}
    Thing:
      type: object
      required: [id]
      properties:
        id: {type: integer}
        state: {type: string, enum: [new, old]}
        note: {type: string, nullable: true}
"""

CHANGES: dict[str, tuple[str, str, set[tuple[Audience, bool]]]] = {
    "operation removed": (
        '  /extra:\n    get: {operationId: getExtra, responses: {"200": {description: Yes.}}}\n',
        "",
        {(CLIENTS, True)},
    ),
    "operation added": (
        "  /extra:\n",
        "  /new:\n    get: {operationId: getNew, responses: {}}\n  /extra:\n",
        {(GATEWAYS, True)},
    ),
    "operation added that a gateway may lack": (
        "  /extra:\n",
        "  /new:\n    get: {operationId: getNew, x-optional: true, responses: {}}\n  /extra:\n",
        {(NOBODY, False)},
    ),
    "operation of a capability added": (
        "  /extra:\n",
        "  /new:\n    get: {operationId: getNew, x-capability: a, responses: {}}\n  /extra:\n",
        {(NOBODY, False)},
    ),
    "operation may be lacking now": (
        "{operationId: getExtra,",
        "{operationId: getExtra, x-optional: true,",
        {(CLIENTS, True)},
    ),
    "operation renamed": ("operationId: getExtra", "operationId: fetchExtra", {(CLIENTS, False)}),
    "operation deprecated": ("{operationId: getExtra,", "{operationId: getExtra, deprecated: true,", {(NOBODY, False)}),
    "description changed": ("title: Small", "title: Tiny", set()),
    "parameter removed": ("- {name: dry, in: query, schema: {type: boolean}}", "[]", {(CLIENTS, True)}),
    "parameter became required": (
        "{name: dry, in: query,",
        "{name: dry, in: query, required: true,",
        {(CLIENTS, True)},
    ),
    "required parameter added": (
        "        - {name: dry",
        "        - {name: a, in: query, required: true, schema: {}}\n        - {name: dry",
        {(CLIENTS, True)},
    ),
    "optional parameter added": (
        "        - {name: dry",
        "        - {name: a, in: query, schema: {}}\n        - {name: dry",
        {(GATEWAYS, False)},
    ),
    "body no longer required": ("        required: true\n", "", {(GATEWAYS, True)}),
    "request field became required": ("required: [name]", "required: [name, kind]", {(CLIENTS, True)}),
    "request field no longer required": ("      required: [name]\n", "", {(GATEWAYS, True)}),
    "request field removed": ("        count: {type: integer, minimum: 1}\n", "", {(CLIENTS, True)}),
    "optional request field added": (
        "        count:",
        "        more: {type: string}\n        count:",
        {(GATEWAYS, False)},
    ),
    "request value removed": ("enum: [big, small]", "enum: [big]", {(CLIENTS, True)}),
    "request value added": ("enum: [big, small]", "enum: [big, small, tiny]", {(GATEWAYS, True)}),
    "request value of a capability added": (
        "enum: [big, small]",
        "enum: [big, small, tiny], x-capability-values: {tiny: a}",
        {(NOBODY, False)},
    ),
    "request bound tightened": ("maxLength: 20", "maxLength: 10", {(CLIENTS, True)}),
    "request bound loosened": ("minimum: 1", "minimum: 0", {(GATEWAYS, True)}),
    "request type widened": ("count: {type: integer", "count: {type: number", {(GATEWAYS, True)}),
    "request type changed": (
        "count: {type: integer, minimum: 1}",
        "count: {type: string}",
        {(CLIENTS, True), (GATEWAYS, True)},
    ),
    "answer field removed": ("        note: {type: string, nullable: true}\n", "", {(CLIENTS, True)}),
    "answer field no longer required": ("      required: [id]\n", "", {(CLIENTS, True)}),
    "answer field became required": ("required: [id]", "required: [id, state]", {(GATEWAYS, True)}),
    "optional answer field added": ("        note:", "        more: {type: string}\n        note:", {(NOBODY, False)}),
    "required answer field added": (
        "required: [id]\n      properties:\n",
        "required: [id, a]\n      properties:\n        a: {type: string}\n",
        {(GATEWAYS, True)},
    ),
    "answer value added": ("enum: [new, old]", "enum: [new, old, lost]", {(CLIENTS, False)}),
    "answer value removed": ("enum: [new, old]", "enum: [new]", {(GATEWAYS, True)}),
    "answer no longer null": (", nullable: true", "", {(GATEWAYS, True)}),
    "answer type widened": ("id: {type: integer}", "id: {type: number}", {(CLIENTS, True)}),
    "answer header removed": ("          headers: {Location: {schema: {type: string}}}\n", "", {(CLIENTS, True)}),
    "error status added": ('        "404":', '        "409": {description: No.}\n        "404":', {(CLIENTS, False)}),
    "success status added": ('        "404":', '        "201": {description: Yes.}\n        "404":', {(CLIENTS, True)}),
    "success status removed": ('        "200":\n', '        "202":\n', {(CLIENTS, True), (GATEWAYS, True)}),
    "reason added": ("x-reasons: [gone]", "x-reasons: [gone, lost]", {(CLIENTS, False)}),
    "authentication added": (
        "operationId: getExtra,",
        "operationId: getExtra, security: [{Key: []}],",
        {(CLIENTS, True)},
    ),
}


def compare(tmp_path: Path, old: str, new: str) -> list[Change]:
    before, after = tmp_path / "old.yaml", tmp_path / "new.yaml"
    before.write_text(old, encoding="utf-8")
    after.write_text(new, encoding="utf-8")
    return diff(bundle(before), bundle(after))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_rest_contract_breaks_whom_it_breaks(name: str, tmp_path: Path) -> None:
    old, new, expected = CHANGES[name]
    assert old in REST
    changes = compare(tmp_path, REST, REST.replace(old, new))
    assert {(change.audience, change.is_breaking) for change in changes} == expected


STREAM_CHANGES: dict[str, tuple[str, str, set[tuple[Audience, bool]]]] = {
    "message removed": ('      - {$ref: "#/channels/stream/messages/deleted"}\n', "", {(CLIENTS, True)}),
    "address changed": ("address: /ws", "address: /stream", {(CLIENTS, True), (GATEWAYS, True)}),
    "message no longer optional": ("      x-capability: deletion\n", "", {(GATEWAYS, True)}),
    "message may be lacking now": (
        "      summary: A thing.\n",
        "      summary: A thing.\n      x-optional: true\n",
        {(CLIENTS, True)},
    ),
    "client and gateway swapped": (
        "action: send",
        "action: receive",
        {(CLIENTS, True), (GATEWAYS, True), (NOBODY, False)},
    ),
}


@pytest.mark.parametrize("name", STREAM_CHANGES)
def test_a_change_of_the_stream_breaks_whom_it_breaks(name: str, contract: Path, edit: Edit) -> None:
    old, new, expected = STREAM_CHANGES[name]
    before = bundle(contract / "asyncapi.yaml")
    after = bundle(edit("asyncapi.yaml", old, new))
    assert {(change.audience, change.is_breaking) for change in diff(before, after)} == expected


def test_a_changed_shared_schema_shows_in_the_messages(contract: Path, edit: Edit) -> None:
    before = bundle(contract / "asyncapi.yaml")
    edit("openapi.yaml", "required: [name]", "required: [name, size]")
    after = bundle(contract / "asyncapi.yaml")
    assert diff(before, after) == [Change(GATEWAYS, "message thing.size", "became required")]


@pytest.mark.parametrize("name", ["openapi.yaml", "asyncapi.yaml"])
def test_a_document_does_not_differ_from_itself(name: str) -> None:
    from spec import documents

    path = Path(documents.__file__).parent / name
    assert diff(bundle(path), bundle(path)) == []


def test_documents_of_two_kinds_are_not_compared(contract: Path) -> None:
    with pytest.raises(KindsDiffer):
        diff(bundle(contract / "openapi.yaml"), bundle(contract / "asyncapi.yaml"))
