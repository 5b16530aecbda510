"""The one module that knows schemathesis: run its engine over the contract and report what it found as plain values.

The engine's interface is not a documented one, so the version is pinned and tests/conformance pins what is used here.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from schemathesis import Case, Config
from schemathesis.config import ProjectConfig
from schemathesis.core import SCHEMATHESIS_TEST_CASE_HEADER
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response as EngineResponse
from schemathesis.engine import Status, events
from schemathesis.engine.core import Engine
from schemathesis.engine.run import Phase, PhaseName, PhaseSkipReason
from schemathesis.specs.openapi.schemas import OpenApiSchema
from schemathesis.transport import BaseTransport
from schemathesis.transport.requests import REQUESTS_TRANSPORT, RequestsTransport

from conformance.contract import Operation
from conformance.exchange import Request, Response
from conformance.generation.courier import Courier, Ended, as_headers
from conformance.generation.names import OwnNames
from conformance.generation.plan import fitting
from conformance.holdings import User
from conformance.target import TargetConfig
from spec.documents import JsonObject

__all__ = ["Fault", "Fuzzer", "Seen", "Trouble"]

KEY_HEADER = "X-API-Key"
STAND_IN = "conformance-stand-in-for-the-key"
"""Replaced by the key of a user at the last moment, because keys change and users take turns."""

UNWANTED_PHASES = (PhaseName.PROBING, PhaseName.AUTH_BOOTSTRAP)
"""Probing would send NUL bytes past the courier; signing up is the suite's own business."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What the engine found wrong, in its words. `case` names the request, which may be one that a check repeated."""

    title: str
    message: str
    case: str
    is_about_wrong_key: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """One check looked at one answer."""

    operation: str
    check: str
    case: str
    is_negative: bool
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Trouble:
    """The engine could not do its work for an operation, or at all (`operation` is None)."""

    operation: str | None
    text: str


@dataclass(slots=True)
class Fuzzer:
    """One run of the engine. `execute` blocks; `courier.stop` ends it early."""

    target: TargetConfig
    document: JsonObject
    operations: Mapping[str, Operation]
    chosen: Collection[str]
    only_examples: Collection[str]
    checks: Collection[str]
    courier: Courier

    def execute(self, started: Callable[[str], None], seen: Callable[[Seen | Trouble], None]) -> None:
        """Send everything, and hand over what was seen scenario by scenario, from this thread."""
        by_label = {f"{one.method} {one.path}": one for one in self.operations.values()}
        config: ProjectConfig = Config.from_dict(self._settings()).projects.get(self.document)
        schema = _Schema(raw_schema=self.document, config=config)
        schema.filter_set = config.operations.filter_set_with(include=schema.filter_set)
        with requests.Session() as session:
            session.trust_env = False
            schema.carrier = _Transport(self.courier, session, by_label)
            stream = _Engine(schema=schema).execute()
            self.courier.on_end = stream.stop
            for event in stream:
                if isinstance(event, events.ScenarioStarted) and event.label in by_label:
                    started(by_label[event.label].id)
                elif isinstance(event, events.ScenarioFinished):
                    for one in _seen(event, by_label):
                        seen(one)
                elif isinstance(event, events.NonFatalError | events.FatalError) and self.courier.ended is None:
                    trouble = _trouble(event, by_label)
                    if trouble is not None:
                        seen(trouble)

    def _settings(self) -> dict[str, Any]:
        target = self.target
        left_out = [name for name in self.operations if name not in self.chosen]
        narrowed = [one for one in self.only_examples if one in self.chosen]
        quiet: dict[str, Any] = {"responses": False}
        methods = ["PUT", "PATCH"] if target.is_sandbox else []
        settings: dict[str, Any] = {
            "seed": target.seed,
            "base-url": str(target.base),
            "request-timeout": target.timeouts.request,
            "max-redirects": 0,
            "tls-verify": target.ca_file or target.tls_verify,
            "auth": {"openapi": {"ApiKey": {"api_key": STAND_IN}}},
            "continue-on-failure": True,
            "workers": 1,
            "warnings": False,
            "cache": {"enabled": False},
            "generation": {
                "max-examples": target.budgets.schema_examples,
                "database": "none",
                "with-security-parameters": False,
                "allow-x00": False,
                "no-shrink": True,
            },
            "phases": {
                "examples": {"extra-data-sources": quiet},
                "coverage": {"unexpected-methods": methods, "extra-data-sources": quiet},
                "fuzzing": {"extra-data-sources": quiet, "error-feedback": {"enabled": False}},
                "stateful": {"enabled": False},
            },
            "checks": {"enabled": False, **{name: _check_settings(name) for name in self.checks}},
            "output": {"sanitization": {"enabled": False}, "truncation": {"enabled": False}},
            "operations": [],
        }
        if left_out:
            settings["operations"].append({"include-operation-id": left_out, "enabled": False})
        if narrowed:
            off = {"coverage": {"enabled": False}, "fuzzing": {"enabled": False}}
            settings["operations"].append({"include-operation-id": narrowed, "phases": off})
        return settings


class _Engine(Engine):
    """The engine without the phases that would talk to the gateway behind the courier's back."""

    def get_phase_config(self, phase_name: PhaseName, *, is_supported: bool, requires_transitions: bool) -> Phase:
        if phase_name in UNWANTED_PHASES:
            return Phase(name=phase_name, is_enabled=False, skip_reason=PhaseSkipReason.DISABLED)
        return super().get_phase_config(
            phase_name, is_supported=is_supported, requires_transitions=requires_transitions
        )


class _Schema(OpenApiSchema):
    """The contract, with a transport of its own."""

    carrier: BaseTransport[requests.Session]

    @property
    def transport(self) -> BaseTransport[requests.Session]:
        return self.carrier

    def clone(self, **changes: Any) -> "_Schema":
        cloned = super().clone(**changes)
        cloned.carrier = self.carrier
        return cloned


class _Transport(RequestsTransport):
    """Send the engine's requests the way the courier wants."""

    def __init__(self, courier: Courier, session: requests.Session, by_label: Mapping[str, Operation]) -> None:
        super().__init__()
        self._copy_serializers_from(REQUESTS_TRANSPORT)
        self._courier = courier
        self._session = session
        self._adapter = _Adapter(courier)
        session.mount("http://", self._adapter)
        session.mount("https://", self._adapter)
        self._by_label = by_label
        self._key = STAND_IN
        self._user: User | None = None
        self._names = OwnNames()

    def serialize_case(self, case: Case[Any], **kwargs: Any) -> dict[str, Any]:
        data = super().serialize_case(case, **kwargs)
        headers = data["headers"]
        headers.pop(SCHEMATHESIS_TEST_CASE_HEADER, None)
        if headers.get(KEY_HEADER) == STAND_IN:
            headers[KEY_HEADER] = self._key
        if data.get("params") and case.meta is not None and case.meta.generation.mode.is_positive:
            data["params"] = fitting(data["params"], int(time.time() * 1000))
        self._names.put_into(headers, self._user, self._by_label[case.operation.label])
        return data

    def send(self, case: Case[Any], *, session: requests.Session | None = None, **kwargs: Any) -> EngineResponse:  # noqa: ARG002
        operation = self._by_label[case.operation.label]
        courier = self._courier
        attempt = 0
        while True:
            attempt += 1
            user = courier.user_for(operation)
            self._key = user.api_key if user is not None else STAND_IN
            self._user = user
            courier.admit(user)
            began = time.monotonic()
            self._adapter.next_is(operation, user)
            try:
                response = super().send(case, session=self._session, **kwargs)
            except requests.RequestException as problem:
                asked = self._adapter.last
                if asked is not None:
                    courier.miss(operation, user, _request(asked), _silence(problem), time.monotonic() - began)
                raise
            headers = {name: ", ".join(values) for name, values in response.headers.items()}
            if courier.must_repeat(attempt, user, response.status_code, headers.get("retry-after")):
                continue
            answer = Response(response.status_code, as_headers(headers), response.content)
            courier.take(case.id, operation, user, _request(response.request), answer, time.monotonic() - began)
            return response


class _Adapter(HTTPAdapter):
    """The last stop before the wire: what the request would create is written down before it goes out."""

    def __init__(self, courier: Courier) -> None:
        super().__init__()
        self._courier = courier
        self._subject: tuple[Operation, User | None] | None = None
        self.last: requests.PreparedRequest | None = None

    def next_is(self, operation: Operation, user: User | None) -> None:
        """Say what the next request is about."""
        self._subject, self.last = (operation, user), None

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if self._subject is not None:
            self._courier.before(*self._subject, _body(request.body))
        self.last = request
        return super().send(request, *args, **kwargs)


def _check_settings(name: str) -> dict[str, Any]:
    if name == "not_a_server_error":
        return {"enabled": True, "expected-statuses": ["2xx", "3xx", "4xx", "503", "504"]}
    if name == "negative_data_rejection":
        return {"enabled": True, "expected-statuses": ["4xx", "5xx"]}
    return {"enabled": True}


def _seen(event: events.ScenarioFinished, by_label: Mapping[str, Operation]) -> list[Seen]:
    found = []
    for case_id, nodes in event.recorder.checks.items():
        case = event.recorder.cases[case_id].value
        operation = by_label[case.operation.label]
        is_negative = case.meta is not None and case.meta.generation.mode.is_negative
        for node in nodes:
            fault = None
            if node.status is not Status.SUCCESS and node.failure_info is not None:
                fault = _fault(node.failure_info.failure, case_id)
            found.append(Seen(operation.id, node.name, case_id, is_negative, fault))
    return found


def _fault(failure: Failure, case_id: str) -> Fault:
    scenario = str(getattr(failure, "scenario", ""))
    return Fault(failure.title, failure.message, failure.case_id or case_id, "INVALID" in scenario.upper())


def _trouble(event: events.NonFatalError | events.FatalError, by_label: Mapping[str, Operation]) -> Trouble | None:
    """Return the engine's own trouble; an answer that did not come is the courier's to report."""
    if isinstance(event, events.FatalError):
        return Trouble(None, f"{type(event.exception).__name__}: {event.exception}")
    if isinstance(event.value, requests.RequestException | Ended):
        return None
    operation = by_label.get(event.label)
    return Trouble(operation.id if operation else None, f"{event.info.title}: {event.info.message}")


def _request(prepared: requests.PreparedRequest) -> Request:
    headers = {name: str(value) for name, value in prepared.headers.items()}
    return Request(str(prepared.method), str(prepared.url), as_headers(headers), _body(prepared.body))


def _body(body: object) -> bytes | None:
    if isinstance(body, str):
        return body.encode()
    return body if isinstance(body, bytes) else None


def _silence(problem: requests.RequestException) -> str:
    if isinstance(problem, requests.Timeout):
        return "no answer in time"
    return "the connection was closed without an answer"
