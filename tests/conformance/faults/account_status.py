"""Gateways that do not tell, or tell wrongly, what becomes of an account's state."""

from tests.conformance.faults.registering import faults_of
from tests.conformance.faults.registering import resuming_fault as fault
from tests.conformance.resuming_gateway import Message, ResumingGateway
from tests.conformance.unusual_gateway import Owner, Terminal

CHANGES, PROVISIONING = "status.changes", "status.provisioning"


@fault(CHANGES, "STAT-010")
class PausesAreNotTold(ResumingGateway):
    async def tell_status(self, owner: Owner, terminal: Terminal) -> None:
        if not terminal.is_paused:
            await super().tell_status(owner, terminal)


@fault(CHANGES, "STAT-010")
class DeletionIsNotTold(ResumingGateway):
    async def tell_status(self, owner: Owner, terminal: Terminal) -> None:
        if terminal.state != "deleted":
            await super().tell_status(owner, terminal)


@fault(PROVISIONING, "STAT-010")
class OnlyTheEndIsTold(ResumingGateway):
    async def tell_status(self, owner: Owner, terminal: Terminal) -> None:
        if terminal.state != "connecting":
            await super().tell_status(owner, terminal)


@fault(CHANGES, "STAT-020")
class ToldAsDisconnected(ResumingGateway):
    def status_message(self, terminal: Terminal) -> Message:
        message = super().status_message(terminal)
        return {**message, "status": "disconnected"} if terminal.is_paused else message


@fault("status.private", "STAT-030")
class ToldToEverybody(ResumingGateway):
    async def tell_status(self, owner: Owner, terminal: Terminal) -> None:
        await super().tell_status(owner, terminal)
        for other in self.owners.values():
            for socket in self.sockets_of(other) if other is not owner else ():
                await socket.say(self.status_message(terminal))


@fault(PROVISIONING, "STAT-040")
class OnlyThoseThatWereMadeForItHear(ResumingGateway):
    async def tell_status(self, owner: Owner, terminal: Terminal) -> None:
        for socket in self.sockets_of(owner):
            if socket.account == terminal.id and terminal.state == "created":
                await socket.say(self.status_message(terminal))


FAULTS = faults_of(globals())
