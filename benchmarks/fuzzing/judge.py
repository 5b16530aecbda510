"""The oracles for single answers and messages."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final

from benchmarks.fuzzing.answers import Frame, HttpAnswer
from benchmarks.fuzzing.contracted import Contracted, Documented, problem_of
from benchmarks.fuzzing.findings import Findings
from benchmarks.fuzzing.secrets_kept import Secrets
from conformance.schemas import first_problem

_EVERY: Final = 20
"""Of successes and market data, each so manyeth is validated with the contract's schema; of all else each one."""
_TOLERATED: Final = "account_not_ready"
_CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, 1005, 1007, 1009, 4401, 4408, 4429})
MARKET_DATA: Final = frozenset({"tick", "quote", "candle"})
ANSWERS: Final = frozenset({"subscribed", "unsubscribed", "pong", "positions", "error"})


class Judge:
    """Judges what comes, and counts it."""

    def __init__(self, contracted: Contracted, secrets: Secrets, findings: Findings, *, may_miss_accounts: str) -> None:
        self._contracted = contracted
        self._operations = {one.id: one for one in contracted.operations}
        self._secrets = secrets
        self._findings = findings
        self._may_miss_accounts = may_miss_accounts
        self._seen = 0
        self.statuses: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()
        self.messages: Counter[str] = Counter()
        self.closes: Counter[int] = Counter()

    def answer(
        self, case: str, sender: str, operation: str | None, answer: HttpAnswer, *, has_body: bool = True
    ) -> None:
        """Judge an answer. `operation` is None where it is not known which one it answers."""
        self.statuses[answer.status] += 1
        leak = self._secrets.leak_in(answer.head + answer.body, sender, operation or self._issuer(answer))
        if leak is not None:
            self._findings.add("leaks", case, f"{answer.status} shows {leak}")
        if answer.status == 101:
            return
        self._seen += 1
        if not has_body:
            return
        problem = self._problem_of(sender, operation, answer, case)
        if problem is not None:
            self._findings.add("answers", case, f"{operation}, {answer.status}: {problem}; {answer.body[:160]!r}")

    def _issuer(self, answer: HttpAnswer) -> str | None:
        """Let an answer to bytes that nobody can assign issue a key, if it has the form of an issuing."""
        return "createUser" if answer.status == 201 and answer.body.startswith(b'{"user_id":') else None

    def _problem_of(self, sender: str, operation: str | None, answer: HttpAnswer, case: str) -> str | None:
        if "x-request-id" not in answer.headers:
            return "the header X-Request-ID is missing"
        if not answer.headers.get("content-type", "").startswith("application/json"):
            return None if operation is None and answer.status == 200 else "the answer is not JSON"
        is_error = answer.status >= 400
        if not is_error and self._seen % _EVERY and operation not in ("createUser", "rotateApiKey", "createAccount"):
            return None if self._documented(operation, answer.status, None) else "this status is not documented"
        try:
            value = json.loads(answer.body)
        except ValueError:
            return "the body is not JSON"
        if not is_error:
            if operation is None:
                return None
            documented = self._operations[operation].answers.get(answer.status)
            return "this status is not documented" if documented is None else problem_of(documented, value)
        return self._error_problem(sender, operation, answer, value, case)

    def _error_problem(
        self, sender: str, operation: str | None, answer: HttpAnswer, value: Any, case: str
    ) -> str | None:
        reason = value.get("reason") if isinstance(value, dict) else None
        if answer.status >= 500:
            self.faults[f"{answer.status} {reason}"] += 1
            is_probe = operation == "getReadiness" and answer.status == 503  # its way to say that storage is slow
            is_expected = answer.status == 503 and reason == _TOLERATED and sender == self._may_miss_accounts
            if not is_probe and not is_expected:
                self._findings.add("server errors", case, f"{operation}: {answer.status} {reason}")
        problem = first_problem(self._contracted.error, value, "body")
        if problem is not None:
            return problem
        if value["code"] != answer.status:
            return "code is not the status"
        if value.get("request_id") != answer.headers["x-request-id"]:
            return "request_id is not that of the header"
        if answer.status in (429, 503) and not answer.headers.get("retry-after", "").isdigit():
            return "Retry-After is missing"
        if answer.status not in self._contracted.reasons.get(str(reason), ()):
            return f"the contract has no {answer.status} with reason {reason}"
        return (
            None if self._documented(operation, answer.status, reason, closes=answer.closes) else "not documented here"
        )

    def _documented(self, operation: str | None, status: int, reason: str | None, *, closes: bool = False) -> bool:
        """Whether an operation may answer so, or the gateway where no operation is found or no HTTP was said."""
        if operation is None:
            return True
        places: list[Documented | None] = [
            self._operations[operation].answers.get(status),
            self._contracted.outside.get(status),
        ]
        if status == 400 and closes:
            return True
        return any(one is not None and (reason is None or reason in one.reasons) for one in places)

    def frame(self, case: str, sender: str, frame: Frame) -> dict[str, Any] | None:
        """Judge a frame; give the message that it holds, None for a control frame."""
        leak = self._secrets.leak_in(frame.payload, sender)
        if leak is not None:
            self._findings.add("leaks", case, f"a message shows {leak}")
        if frame.opcode == 8:
            self.closes[frame.code] += 1
            is_echo = case.startswith("raw_socket") and 3_000 <= frame.code <= 4_999  # a client's own code comes back
            if frame.code not in _CLOSE_CODES and not is_echo:
                self._findings.add(
                    "server errors" if frame.code == 1011 else "answers", case, f"closed with {frame.code}"
                )
            return None
        if frame.opcode != 1:
            return None
        try:
            message: dict[str, Any] = json.loads(frame.payload)
            kind = message["type"]
        except (ValueError, TypeError, KeyError):
            self._findings.add("answers", case, f"a message without type: {frame.payload[:120]!r}")
            return None
        self.messages[kind] += 1
        self._seen += 1
        if kind not in MARKET_DATA or self._seen % _EVERY == 0:
            validator = self._contracted.messages.get(kind)
            problem = "no message of the contract" if validator is None else first_problem(validator, message, kind)
            if problem is not None:
                self._findings.add("answers", case, f"{problem}; {frame.payload[:160]!r}")
        if kind == "error":
            self._judge_error(case, message)
        return message

    def _judge_error(self, case: str, message: dict[str, Any]) -> None:
        code, reason = message.get("code"), message.get("reason")
        if isinstance(code, int) and code >= 500:
            self.faults[f"{code} {reason}"] += 1
            self._findings.add("server errors", case, f"message: {code} {reason}")
        if code not in self._contracted.reasons.get(str(reason), ()):
            self._findings.add("answers", case, f"an error with code {code} and reason {reason}")
