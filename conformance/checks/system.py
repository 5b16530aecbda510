"""The gateway itself: `GET /health`."""

from conformance.catalogue import check
from conformance.context import CheckContext


@check(
    id="system.health-is-public",
    title="Health is answered without a key, and tells status and version",
    requirements=("TONPO-AUTH-050", "TONPO-SYS-010"),
)
async def health_is_public(run: CheckContext) -> None:
    """Ask for the health without a key."""
    health = await run.call("getHealth")
    run.require_status(health, 200, requirement="TONPO-AUTH-050")
    for name in ("status", "version"):
        value = health.document.get(name)
        run.expect(
            isinstance(value, str) and value != "",
            "TONPO-SYS-010",
            f"GET /health has no {name}",
            expected="a non-empty text",
            found=value,
        )


@check(
    id="system.health-counts-connections",
    title="Health counts active connections",
    requirements=("TONPO-SYS-030",),
)
async def health_counts_connections(run: CheckContext) -> None:
    """Look for at least one count, wherever the gateway puts it: the docs name no field."""
    health = await run.call("getHealth")
    counts = [value for name, value in _numbers(health.document) if "connection" in name]
    run.expect(
        any(value >= 0 for value in counts),
        "TONPO-SYS-030",
        "GET /health has no count of connections",
        expected="an integer of 0 or more in a field about connections",
        found=health.json,
    )


@check(
    id="system.health-counts-websockets",
    title="Health counts the WebSockets that are open",
    requirements=("TONPO-SYS-040",),
    needs=("user",),
)
async def health_counts_websockets(run: CheckContext) -> None:
    """Compare the count with a socket open and the least that this proves: one."""
    async with run.stream():
        health = await run.call("getHealth")
    connections = health.document.get("connections")
    count = connections.get("websocket") if isinstance(connections, dict) else None
    run.expect(
        isinstance(count, int) and count >= 1,
        "TONPO-SYS-040",
        "connections.websocket does not count an open WebSocket",
        expected="1 or more",
        found=connections,
        at=health,
    )


@check(
    id="system.capabilities-are-names",
    title="Claimed capabilities are a list of names, and their operations exist",
    requirements=("TONPO-SYS-050",),
    needs=("user",),
)
async def capabilities_are_names(run: CheckContext) -> None:
    """Read `capabilities`, and ask for each operation of a claimed one that can be asked for without an effect."""
    health = await run.call("getHealth")
    claimed = health.document.get("capabilities")
    if claimed is None and health.document:
        run.not_applicable("the gateway claims nothing: GET /health has no capabilities")
    run.require(
        isinstance(claimed, list) and all(isinstance(name, str) for name in claimed),
        "TONPO-SYS-050",
        "capabilities is not an array of names",
        found=claimed,
    )
    for operation in run.contract.operations.values():
        if operation.capability is None or operation.method != "GET":
            continue
        names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
        path = {name: run.symbol if name == "symbol" else 1 for name in names}
        answer = await run.call(operation.id, path=path)
        run.expect(
            answer.status != 405 and answer.document.get("reason") != "path_not_found",
            "TONPO-SYS-050",
            f"{operation.capability} is claimed, and {operation.method} {operation.path} is not there",
            found=f"HTTP {answer.status}",
            at=answer,
        )


def _numbers(node: object, name: str = "") -> list[tuple[str, int]]:
    """Return every integer in an answer with the names that lead to it."""
    if isinstance(node, dict):
        return [found for key, value in node.items() for found in _numbers(value, f"{name}.{key}".lower())]
    return [(name, node)] if isinstance(node, int) and not isinstance(node, bool) else []
