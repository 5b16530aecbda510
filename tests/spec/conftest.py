from collections.abc import Callable
from pathlib import Path

import pytest

OPENAPI = """\
openapi: 3.0.3
info: {title: Small, version: 1.0.0}
paths:
  /things/{id}:
    get:
      operationId: getThing
      summary: Get a thing
      description: Get one thing.
      x-source: the docs
      parameters:
        - {name: id, in: path, required: true, description: Which thing., schema: {type: string}, example: a}
      responses:
        "200":
          description: The thing.
          content: {application/json: {schema: {$ref: "#/components/schemas/Thing"}}}
        "404":
          description: No such thing.
          x-reasons: [thing_not_found]
          content: {application/json: {schema: {$ref: "#/components/schemas/Error"}}}
    delete:
      operationId: deleteThing
      summary: Delete a thing
      description: Delete one thing.
      x-assumption: everybody has it
      x-capability: deletion
      parameters:
        - {name: id, in: path, required: true, description: Which thing., schema: {type: string}, example: a}
      responses:
        "200":
          description: What was deleted.
          content: {application/json: {schema: {$ref: "#/components/schemas/Deleted"}}}
        "409":
          description: Locked.
          x-reasons: [thing_locked]
          content: {application/json: {schema: {$ref: "#/components/schemas/Error"}}}
components:
  schemas:
    Thing:
      type: object
      description: A thing.
      required: [name]
      properties:
        name: {type: string, description: Its name., example: a}
        size: {type: integer, description: Its size in metres., nullable: true, example: 3}
        hue: {type: string, enum: [red, blue], x-capability-values: {blue: deletion}, description: Hue, example: red}
        deletable: {type: boolean, description: Whether it can be deleted., x-capability: deletion, example: true}
    Deleted:
      type: object
      description: A deleted thing.
      properties:
        name: {type: string, description: Its name., example: a}
    Error:
      type: object
      description: What went wrong.
      required: [error]
      properties:
        error: {type: string, description: In words., example: no such thing}
        reason:
          type: string
          description: For programs.
          x-known-values: [thing_not_found, thing_locked]
          x-capability-values: {thing_locked: deletion}
          example: thing_not_found
"""

ASYNCAPI = """\
asyncapi: 3.0.0
info: {title: Small stream, version: 1.0.0}
channels:
  stream:
    address: /ws
    messages:
      thing: {$ref: "#/components/messages/thing"}
      deleted: {$ref: "#/components/messages/deleted"}
operations:
  sendThings:
    action: send
    summary: Every thing.
    channel: {$ref: "#/channels/stream"}
    messages:
      - {$ref: "#/channels/stream/messages/thing"}
      - {$ref: "#/channels/stream/messages/deleted"}
components:
  messages:
    thing:
      name: thing
      summary: A thing.
      payload:
        schemaFormat: application/vnd.oai.openapi;version=3.0.0
        schema: {$ref: "./openapi.yaml#/components/schemas/Thing"}
      examples:
        - {name: one, payload: {name: a, size: null}}
    deleted:
      name: deleted
      summary: A thing is gone.
      x-capability: deletion
      payload:
        schemaFormat: application/vnd.oai.openapi;version=3.0.0
        schema: {$ref: "./openapi.yaml#/components/schemas/Deleted"}
      examples:
        - {name: one, payload: {name: a}}
"""

REQUIREMENTS = """\
requirements:
  - id: TONPO-THG-010
    level: MUST
    profile: core
    text: A thing has a name.
    source: the docs
    observable: true
  - id: TONPO-THG-020
    level: SHOULD
    profile: extended
    capability: deletion
    text: Nobody sees a deleted thing.
    source: the docs
    observable: false
    why: Nobody can see it.
"""


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    """Write a small sound contract and return its folder."""
    (tmp_path / "openapi.yaml").write_text(OPENAPI, encoding="utf-8")
    (tmp_path / "asyncapi.yaml").write_text(ASYNCAPI, encoding="utf-8")
    (tmp_path / "requirements.yaml").write_text(REQUIREMENTS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def edit(contract: Path) -> Callable[[str, str, str], Path]:
    """Replace a text of a contract file, which must be there, and return the file."""

    def replace(name: str, old: str, new: str) -> Path:
        path = contract / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path

    return replace
