"""Gateways on which a request that is sent twice is not one request."""

import asyncio
from typing import Any

from aiohttp import web

from tests.conformance.extended_gateway import SELECTED, Action, ExtendedGateway, Record
from tests.conformance.faults.registering import extended_fault as fault
from tests.conformance.faults.registering import faults_of
from tests.conformance.unusual_broker import Refused
from tests.conformance.unusual_gateway import Owner, Problem


@fault("idempotency.replay", "IDEM-010")
class RepetitionsAreConflicts(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        answer, is_replayed = await super().keyed(owner, request, action)
        if is_replayed:
            raise Problem(409, "idempotency_key_reused: you had that before")
        return answer, False


@fault("idempotency.replay", "IDEM-010")
class RepetitionsAreNotMarked(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        return (await super().keyed(owner, request, action))[0], False


@fault("idempotency.replay", "IDEM-010")
class RepetitionsHaveNoTicket(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        answer, is_replayed = await super().keyed(owner, request, action)
        return (answer | {"ticket": 0} if is_replayed else answer), is_replayed


@fault("idempotency.replay", "IDEM-010")
class TheFirstIsMarkedAsWell(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        return (await super().keyed(owner, request, action))[0], True


class _Forgetful(ExtendedGateway):
    def has_to_forget(self, owner: Owner, record: Record) -> bool:
        return True

    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        at = (owner.number, request.headers["Idempotency-Key"])
        if at in self.records and self.has_to_forget(owner, self.records[at]):
            del self.records[at]
        return await super().keyed(owner, request, action)


@fault("idempotency.replay", "IDEM-020")
class KeysAreIgnored(_Forgetful):
    pass


@fault("idempotency.replay", "IDEM-020")
class KeysEndWithTheirPosition(_Forgetful):
    def has_to_forget(self, owner: Owner, record: Record) -> bool:
        return (record.answer or {}).get("ticket") not in owner.living()[0].broker.open


@fault("idempotency.replay", "IDEM-020")
class KeysAreMarkedAndExecuted(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        answer, is_replayed = await super().keyed(owner, request, action)
        if is_replayed and action.__name__ == "order":
            await action(owner, request)
        return answer, is_replayed


@fault("idempotency.at-once", "IDEM-020")
class StoredWhenAnswered(ExtendedGateway):
    """Looks for the key first and keeps it last: requests that meet all trade."""

    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        at = (owner.number, request.headers["Idempotency-Key"])
        if at in self.records:
            return await super().keyed(owner, request, action)
        content, answer = await self.content(request, action), await self.executed(owner, request, action)
        record = self.records[at] = Record(action.__name__, content, answer)
        record.done.set()
        return answer, False


@fault("idempotency.at-once", "IDEM-020")
class OnlyTwoAtOnce(ExtendedGateway):
    """The second request executes because it came while the first was in flight; all later ones wait."""

    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        record = self.records.get((owner.number, request.headers["Idempotency-Key"]))
        if record is not None and record.answer is None and "doubled" not in vars(record):
            vars(record)["doubled"] = True
            return await self.executed(owner, request, action), True
        return await super().keyed(owner, request, action)


class _NotWaiting(ExtendedGateway):
    """Calls a request in flight instead of waiting: as correct."""

    words, code = "idempotency_key_in_flight: wait for it", 409

    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        record = self.records.get((owner.number, request.headers["Idempotency-Key"]))
        if record is not None and record.answer is None:
            raise Problem(self.code, self.words)
        return await super().keyed(owner, request, action)


@fault("idempotency.at-once", "IDEM-040", _NotWaiting)
class InFlightIsReused(_NotWaiting):
    words = "idempotency_key_reused: you had that"


@fault("idempotency.at-once", "IDEM-040", _NotWaiting)
class InFlightIs503(_NotWaiting):
    code = 503


@fault("idempotency.at-once", "IDEM-010")
class CopiesAreNotMarked(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        at = (owner.number, request.headers["Idempotency-Key"])
        was_in_flight = at in self.records and self.records[at].answer is None
        answer, is_replayed = await super().keyed(owner, request, action)
        return answer, is_replayed and not was_in_flight


@fault("idempotency.replay-refused", "IDEM-010")
class RefusalsAreForgotten(_Forgetful):
    def has_to_forget(self, owner: Owner, record: Record) -> bool:
        return not (record.answer or {}).get("success")


@fault("idempotency.replay-refused", "IDEM-020")
class RefusedOnceAcceptedTwice(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        if (owner.number, request.headers["Idempotency-Key"]) in self.records:
            ticket = self.desk(owner).broker.place({**await self.body(request), "sl": None})
            return {"success": True, "ticket": ticket}, False
        return await super().keyed(owner, request, action)


@fault("idempotency.replay-refused", "IDEM-030")
class RefusalsFreeTheKey(_Forgetful):
    def has_to_forget(self, owner: Owner, record: Record) -> bool:
        return not (record.answer or {}).get("success")


@fault("idempotency.replay-refused", "IDEM-070")
class RefusalsAreToldAsAccepted(ExtendedGateway):
    async def request_record(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().request_record(owner, request), "outcome": "accepted"}


@fault("idempotency.reused", "IDEM-030")
class OtherBodiesAreReplayed(ExtendedGateway):
    async def content(self, request: web.Request, action: Action) -> Any:
        return action.__name__


@fault("idempotency.reused", "IDEM-030")
class OtherBodiesAreExecuted(_Forgetful):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        at = (owner.number, request.headers["Idempotency-Key"])
        if at in self.records and self.records[at].request != await self.content(request, action):
            del self.records[at]
        return await ExtendedGateway.keyed(self, owner, request, action)


@fault("idempotency.reused", "IDEM-030")
class OnlyVolumesAreCompared(ExtendedGateway):
    async def content(self, request: web.Request, action: Action) -> Any:
        return action.__name__, (await self.body(request)).get("volume")


@fault("idempotency.reused", "IDEM-030")
class KeysAreKeptByOperation(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        alone = Owner(hash((owner.number, action.__name__)), owner.key, terminals=owner.terminals)
        return await super().keyed(alone, request, action)


@fault("idempotency.reused", "IDEM-030")
class ReusedIs422(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        try:
            return await super().keyed(owner, request, action)
        except Problem as problem:
            raise Problem(422 if problem.status == 409 else problem.status, problem.text) from None


@fault("idempotency.accounts", "IDEM-030")
class AccountsShareKeys(ExtendedGateway):
    async def content(self, request: web.Request, action: Action) -> Any:
        return action.__name__, await self.body(request)


@fault("idempotency.accounts", "IDEM-030")
class AccountsHaveTheirOwnKeys(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        selected = SELECTED.get()
        if selected is None:
            return await super().keyed(owner, request, action)
        alone = Owner(hash((owner.number, selected)), owner.key, terminals={selected: owner.terminals[selected]})
        return await super().keyed(alone, request, action)


class _OneBook(ExtendedGateway):
    """Keeps the keys of all users together."""

    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        number, owner.number = owner.number, 0
        try:
            return await super().keyed(owner, request, action)
        finally:
            owner.number = number


@fault("idempotency.users", "IDEM-060")
class UsersShareKeys(_OneBook):
    pass


@fault("idempotency.users", "IDEM-060")
class UsersShareKeysAndAreRefused(_OneBook):
    async def content(self, request: web.Request, action: Action) -> Any:
        return [request.headers["X-API-Key"], *await super().content(request, action)]


@fault("idempotency.users", "IDEM-060")
class LooksUpTheFirstUsersRequest(ExtendedGateway):
    async def request_record(self, owner: Owner, request: web.Request) -> Any:
        at = next((at for at in self.records if at[1] == request.match_info["key"]), None)
        record = self.records[at] if at else None
        if record is None or record.answer is None:
            return await super().request_record(owner, request)
        return {"key": request.match_info["key"], "outcome": "accepted", "result": record.answer | {"ticket": 1}}


@fault("idempotency.key-syntax", "IDEM-130")
class AnyKeyIsTaken(ExtendedGateway):
    def checked_key(self, key: str) -> str:
        return key


@fault("idempotency.key-syntax", "IDEM-130")
class LongKeysAreCut(ExtendedGateway):
    def checked_key(self, key: str) -> str:
        return super().checked_key(key[:255])


@fault("idempotency.key-syntax", "IDEM-130")
class KeysAreCutTo64(ExtendedGateway):
    async def content(self, request: web.Request, action: Action) -> Any:
        return [action.__name__, await self.body(request)]

    def checked_key(self, key: str) -> str:
        return super().checked_key(key)[:64]


@fault("idempotency.key-syntax", "IDEM-130")
class EmptyKeysAreNone(ExtendedGateway):
    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        if not request.headers["Idempotency-Key"]:
            return await action(owner, request), False
        return await super().keyed(owner, request, action)


@fault("idempotency.key-syntax", "IDEM-130")
class LettersAndDigitsOnly(ExtendedGateway):
    def checked_key(self, key: str) -> str:
        if not key.replace("-", "").isalnum():
            raise Problem(422, "that is no key")
        return super().checked_key(key)


@fault("idempotency.refused-before", "IDEM-120")
class PausesAreKept(ExtendedGateway):
    async def executed(self, owner: Owner, request: web.Request, action: Action) -> Any:
        try:
            return await super().executed(owner, request, action)
        except Problem as problem:
            return {"success": False, "ticket": 0, "error": problem.text}


@fault("idempotency.refused-before", "IDEM-120")
class RefusalsStayInFlight(_NotWaiting):
    async def executed(self, owner: Owner, request: web.Request, action: Action) -> Any:
        at = (owner.number, request.headers["Idempotency-Key"])
        record = self.records[at]
        try:
            return await super().executed(owner, request, action)
        except (Problem, Refused):
            asyncio.get_running_loop().call_soon(self.records.__setitem__, at, record)
            raise


@fault("idempotency.refused-before", "IDEM-020")
class NotKeptAfterARefusal(ExtendedGateway):
    """Gives the key up for good with the first refusal, so that it protects nothing any more."""

    def __init__(self) -> None:
        super().__init__()
        self.spent: set[str] = set()

    async def keyed(self, owner: Owner, request: web.Request, action: Action) -> tuple[Any, bool]:
        key = request.headers["Idempotency-Key"]
        if key in self.spent:
            return await action(owner, request), False
        try:
            return await super().keyed(owner, request, action)
        except (Problem, Refused):
            self.spent.add(key)
            raise


FAULTS = faults_of(globals())
