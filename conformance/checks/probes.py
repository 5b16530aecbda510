"""What orchestrators ask a gateway: `GET /health/live` and `GET /health/ready`, which it may lack."""

from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.exchange import Exchange

ABSENT = (404, 405, 501)


async def _probe(run: CheckContext, operation: str) -> Exchange:
    answer = await run.call(operation)
    if answer.status in ABSENT:
        run.not_applicable(f"the gateway has no {run.contract.operation(operation).path}")
    return answer


def _expect_state(run: CheckContext, answer: Exchange, requirement: str) -> None:
    state = answer.document.get("status")
    run.expect(
        isinstance(state, str) and state != "",
        requirement,
        f"{answer.operation} has no status",
        expected="a non-empty text",
        found=state,
        at=answer,
    )


@check(
    id="probes.liveness",
    title="The liveness probe is answered 200 without a key",
    requirements=("TONPO-SYS-060",),
)
async def liveness(run: CheckContext) -> None:
    """Ask whether the process answers."""
    answer = await _probe(run, "getLiveness")
    run.require_status(answer, 200, requirement="TONPO-SYS-060")
    _expect_state(run, answer, "TONPO-SYS-060")


@check(
    id="probes.readiness",
    title="The readiness probe is answered 200 without a key while the gateway serves, and says why when it is 503",
    requirements=("TONPO-SYS-070", "TONPO-SYS-080"),
)
async def readiness(run: CheckContext) -> None:
    """Ask whether requests should be sent here, of a gateway that is being sent some."""
    answer = await _probe(run, "getReadiness")
    if answer.status == 503:
        body = answer.document
        run.expect(
            isinstance(body.get("error"), str) and body.get("code") == 503 and isinstance(body.get("type"), str),
            "TONPO-SYS-080",
            "a gateway that is not ready does not say why in the form of every error",
            expected="error, code 503 and type",
            found=answer.json,
            at=answer,
        )
    run.require_status(answer, 200, requirement="TONPO-SYS-070")
    _expect_state(run, answer, "TONPO-SYS-070")
