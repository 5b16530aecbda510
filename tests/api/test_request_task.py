"""The task of a connection: requests run at once up to where they wait, and otherwise as in a task of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextvars import ContextVar

import pytest

from reference_server.api.connection.request_task import RequestTask

MARK: ContextVar[str] = ContextVar("mark", default="none")


class Desk:
    """A task, and what its requests did."""

    def __init__(self) -> None:
        self.running: set[asyncio.Task[None]] = set()
        self.task = RequestTask(asyncio.get_running_loop(), self.running)
        self.done: list[str] = []
        self.tasks: set[asyncio.Task[None] | None] = set()

    async def begin(self, name: str, *waits: asyncio.Future[None], cancel: bool = False) -> bool:
        """Begin a request that waits for these, from the loop itself, as a transport does; False if it is refused."""
        request = self._request(name, *waits)
        begun: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def receive() -> None:
            begun.set_result(self.task.run(request))
            if cancel:
                next(iter(self.running)).cancel()

        asyncio.get_running_loop().call_soon(receive)
        if not await begun:
            request.close()
        return begun.result()

    async def _request(self, name: str, *waits: asyncio.Future[None]) -> None:
        self.tasks.add(asyncio.current_task())
        MARK.set(name)
        try:
            for one in waits:
                await one
                assert MARK.get() == name
        except asyncio.CancelledError:
            self.done.append(f"{name} cancelled")
            return
        self.tasks.add(asyncio.current_task())
        self.done.append(name)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await settled()
    yield desk
    desk.task.close()
    await settled()
    assert desk.running == set()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def test_requests_that_never_wait_run_at_once_in_one_task_and_leave_their_context(desk: Desk) -> None:
    assert await desk.begin("first")
    assert desk.done == ["first"]
    assert await desk.begin("second")
    assert desk.done == ["first", "second"]
    assert len(desk.tasks) == 1
    assert asyncio.current_task() not in desk.tasks
    assert MARK.get() == "none"
    assert desk.running == set()


async def test_a_request_that_waits_goes_on_in_the_same_task_and_keeps_out_others(desk: Desk) -> None:
    one, two = future(), future()
    assert await desk.begin("slow", one, two)
    assert len(desk.running) == 1
    assert not await desk.begin("other")
    one.set_result(None)
    await settled()
    assert desk.done == []
    two.set_result(None)
    await settled()
    assert desk.done == ["slow"]
    assert len(desk.tasks) == 1
    assert desk.running == set()
    assert await desk.begin("next")
    assert desk.done == ["slow", "next"]


async def test_what_it_waits_for_may_come_before_the_task_does(desk: Desk) -> None:
    done = future()
    done.set_result(None)
    late = future()
    asyncio.get_running_loop().call_soon(late.set_result, None)
    assert await desk.begin("quick", done, late)
    await settled()
    assert desk.done == ["quick"]


async def test_a_failure_of_what_it_waits_for_reaches_the_request(desk: Desk) -> None:
    failing = future()
    caught: list[str] = []

    async def request() -> None:
        try:
            await failing
        except OSError as error:
            caught.append(str(error))

    asyncio.get_running_loop().call_soon(desk.task.run, request())
    await settled()
    failing.set_exception(OSError("gone"))
    await settled()
    assert caught == ["gone"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_cancellation_reaches_the_request_at_any_moment(desk: Desk, at_once: bool) -> None:
    """At once: before the task has taken over what was begun."""
    assert await desk.begin("slow", future(), cancel=at_once)
    if not at_once:
        await settled()
        next(iter(desk.running)).cancel()
    await settled()
    assert desk.done == ["slow cancelled"]
    assert not await desk.begin("after"), "a task that was cancelled takes nothing more"


async def test_what_a_cancelled_request_waits_for_is_cancelled_with_it(desk: Desk) -> None:
    """Also before the task has taken over what was begun."""
    awaited = future()
    assert await desk.begin("slow", awaited, cancel=True)
    await settled()
    assert awaited.cancelled()
    assert desk.done == ["slow cancelled"]


async def test_a_request_may_cancel_its_own_task_before_it_waits(desk: Desk) -> None:
    outcome: list[str] = []

    async def request() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await future()
        except asyncio.CancelledError:
            outcome.append("cancelled")
            raise

    begun: list[bool] = []
    asyncio.get_running_loop().call_soon(lambda: begun.append(desk.task.run(request())))
    await settled()
    assert begun == [True]
    assert outcome == ["cancelled"]


async def test_a_timeout_ends_the_wait_and_nothing_else(desk: Desk) -> None:
    outcome: list[str] = []
    went_on = future()

    async def request() -> None:
        try:
            async with asyncio.timeout(0.001):
                await future()
        except TimeoutError:
            outcome.append("too late")
        await asyncio.sleep(0)
        went_on.set_result(None)

    asyncio.get_running_loop().call_soon(desk.task.run, request())
    await asyncio.wait_for(went_on, 5)
    assert outcome == ["too late"]
    await settled()
    assert await desk.begin("next")


async def test_closing_lets_the_request_end(desk: Desk) -> None:
    last = future()
    assert await desk.begin("slow", last)
    desk.task.close()
    last.set_result(None)
    await settled()
    assert desk.done == ["slow"]
    assert not await desk.begin("after")


async def test_a_new_connection_s_first_request_before_the_task_has_begun_is_left_alone() -> None:
    desk = Desk()
    request = desk._request("first")
    assert not desk.task.run(request)
    request.close()
    assert desk.done == []
    desk.task.close()
    await settled()
    assert desk.task._task.done()
