"""A capability that is there and not claimed is remarked on, in every report, and changes nothing else."""

import io
from typing import Any, ClassVar

from aiohttp import web
from rich.console import Console

from conformance.events import RunFinished
from conformance.outcomes import Verdict
from conformance.redaction import Redactor
from conformance.reporters.console import ConsoleReporter
from conformance.reporters.document import build_document
from conformance.reporters.html import build_page
from tests.conformance.extended_gateway import ExtendedGateway
from tests.conformance.serving import judged
from tests.conformance.unusual_gateway import Owner, UnusualGateway


class Modest(ExtendedGateway):
    """Has all that the extended gateway has, and claims only one thing of it."""

    capabilities: ClassVar[list[str]] = ["pending-orders"]


class Catchall(UnusualGateway):
    """Answers 200 with an empty object to what it does not know."""

    def application(self) -> web.Application:
        application = super().application()
        application.router.add_route("*", "/{any:.*}", self.owned(self.nothing))
        return application

    async def nothing(self, owner: Owner, request: web.Request) -> Any:
        return {}


async def test_what_is_there_and_not_claimed_is_remarked_on() -> None:
    report = await judged(Modest().application(), "info.figures")
    assert report.present_unclaimed == ("account-selection", "idempotency")
    assert report.verdict is Verdict.CONFORMANT


async def test_what_is_claimed_or_not_there_is_not_remarked_on() -> None:
    assert (await judged(ExtendedGateway().application(), "info.figures")).present_unclaimed == ()
    assert (await judged(UnusualGateway().application(), "info.figures")).present_unclaimed == ()


async def test_an_answer_to_everything_is_not_taken_for_a_capability() -> None:
    assert (await judged(Catchall().application(), "info.figures")).present_unclaimed == ()


async def test_probes_only_read() -> None:
    asked: list[tuple[str, str]] = []

    class Recording(Modest):
        @web.middleware
        async def edge(self, request: web.Request, handler: Any) -> web.StreamResponse:
            asked.append((request.method, request.path))
            return await super().edge(request, handler)

    await judged(Recording().application(), "info.figures")
    probed = [(method, path) for method, path in asked if path.startswith("/api/orders")]
    assert probed == [("GET", "/api/orders/requests/conformance-never-used")]


async def test_no_probe_is_sent_without_an_account() -> None:
    report = await judged(Modest().application(), "system.health-is-public")
    assert report.present_unclaimed == ()


async def test_the_remark_stands_in_every_report() -> None:
    report = await judged(Modest().application(), "info.figures")
    document = build_document(report, Redactor())
    assert document["capabilities"]["present_unclaimed"] == ["account-selection", "idempotency"]
    assert b"Present, not claimed" in build_page(document)
    console = Console(file=io.StringIO(), width=200)
    ConsoleReporter(console, Redactor())(RunFinished(report))
    assert isinstance(console.file, io.StringIO)
    assert "GET /health does not claim it: account-selection, idempotency" in console.file.getvalue()
