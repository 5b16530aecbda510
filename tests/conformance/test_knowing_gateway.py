"""The correct gateway with a past keeps every requirement that binds it, core ones as well."""

import pytest

from conformance.outcomes import Status
from tests.conformance.knowing_gateway import CancellingGateway
from tests.conformance.test_faults import catalogue, judged

HAD = {"candles", "history", "order-check", "rate-limit-headers", "symbol-specification"}


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # one check sends four megabytes
async def test_the_knowing_gateway_breaks_nothing_binding_in_any_profile() -> None:
    areas = sorted({one.area for one in catalogue().checks} - {"pending"})  # it has of those only what history needs
    report = await judged(CancellingGateway(), *areas)
    unsettled = (Status.FAIL, Status.FLAKY, Status.ERROR, Status.COULD_NOT_RUN)
    assert {one.id: one.reason for one in report.results if one.status in unsettled} == {}
    rows = {row.id for row in catalogue().ledger if row.capability in HAD}
    judging = [one for one in report.results if rows & set(one.requirements)]
    assert {one.id for one in judging if one.status is not Status.PASS} == set()
    assert rows - {row for one in judging for row in one.tallies} == set()
