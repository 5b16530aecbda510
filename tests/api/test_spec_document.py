"""The contract and the handlers are held to each other at start-up."""

from __future__ import annotations

import pytest

from reference_server.api.error_table import ERROR_TABLE, row_of
from reference_server.api.operation import Call, Json
from reference_server.api.spec_document import HandlersDiffer, check_handlers, claimed_contract, operation_ids
from reference_server.domain import errors
from spec.documents import load_openapi


async def handler(_call: Call) -> Json:
    return {}


def test_a_missing_or_surplus_handler_is_named() -> None:
    contract = claimed_contract(()).openapi
    complete = dict.fromkeys(operation_ids(contract), handler)
    check_handlers(contract, complete)
    with pytest.raises(HandlersDiffer, match="without a handler: placeOrder"):
        check_handlers(contract, {name: one for name, one in complete.items() if name != "placeOrder"})
    with pytest.raises(HandlersDiffer, match="without an operation in the contract: dance"):
        check_handlers(contract, {**complete, "dance": handler})


def test_a_claimed_capability_brings_its_operations() -> None:
    assert "checkOrder" not in operation_ids(claimed_contract(()).openapi)
    assert "checkOrder" in operation_ids(claimed_contract(("order-check",)).openapi)


def all_errors(kind: type[errors.GatewayError]) -> list[type[errors.GatewayError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in all_errors(child))]


def test_every_error_has_a_row_and_a_reason_and_type_that_the_contract_knows() -> None:
    schema = load_openapi()["components"]["schemas"]["Error"]["properties"]
    named = [kind for kind in all_errors(errors.GatewayError) if kind.__module__ == errors.__name__]
    leaves = [kind for kind in named if kind.__base__ in named and "reason" in vars(kind)]
    assert len(leaves) > 20
    for kind in leaves:
        status, name = row_of(kind())
        assert 400 <= status < 600
        assert name in schema["type"]["x-known-values"], kind
        assert kind().reason in schema["reason"]["x-known-values"], kind


def test_the_table_has_no_row_for_what_is_no_error() -> None:
    assert set(ERROR_TABLE) <= set(all_errors(errors.GatewayError))
