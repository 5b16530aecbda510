"""Everything that can go wrong, as one tree.

    GatewayError
    ├── AuthenticationFailed
    │   └── ApiKeyMissing, ApiKeyInvalid
    ├── PermissionDenied
    │   └── AccountLimitReached, RegistrationClosed
    ├── NotFound
    │   ├── PathNotFound, AccountNotFound, PositionNotFound
    │   └── OrderNotFound, RequestNotFound, SymbolNotFound
    ├── InvalidRequest
    │   ├── MalformedJson, InvalidBody, InvalidParameter, MethodNotAllowed
    │   └── BodyTooLarge, UnsupportedMediaType
    ├── Conflict
    │   ├── AccountAmbiguous, AccountPaused, AccountDeleted, AccountLoginFailed
    │   └── NotPending, IdempotencyKeyReused, IdempotencyKeyInFlight
    ├── LimitExceeded
    │   ├── RequestRateExceeded, DailyTradeLimitExceeded, RegistrationRateExceeded
    │   └── SocketLimitReached, ConnectionLimitReached
    └── ServerFault
        ├── InternalError, ConnectionsExhausted, Draining, AccountNotReady, TerminalUnavailable
        └── StorageUnavailable, PriceUnavailable, OutcomeUnknown

`reason` is the machine-readable name that travels on the wire; HTTP statuses and the docs' `type` values are given by
one table at the edge (`api/error_table.py`). Messages say what happened and what to do, and never hold a secret.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One place where a request breaks the contract: a JSON pointer or parameter name, and what is wrong there."""

    field: str
    message: str


class GatewayError(Exception):
    """Any refusal or failure that the gateway can explain."""

    reason = "internal_error"
    sentence = "The gateway could not serve the request."

    def __init__(
        self,
        message: str | None = None,
        *,
        retry_after_seconds: float | None = None,
        violations: tuple[Violation, ...] = (),
    ) -> None:
        super().__init__(message or self.sentence)
        self.message = message or self.sentence
        self.retry_after_seconds = retry_after_seconds
        self.violations = violations
        self.is_replayed = False
        """Whether it is the stored answer to an earlier request with the same idempotency key."""


class AuthenticationFailed(GatewayError):
    """The caller did not prove who it is."""


class ApiKeyMissing(AuthenticationFailed):
    """No API key was sent."""

    reason = "missing_api_key"
    sentence = "Invalid or missing API key: send it in the X-API-Key header."


class ApiKeyInvalid(AuthenticationFailed):
    """The API key is malformed, unknown or revoked."""

    reason = "invalid_api_key"
    sentence = "Invalid or missing API key."


class PermissionDenied(GatewayError):
    """The caller is known and may not do this."""


class AccountLimitReached(PermissionDenied):
    """The plan allows no further account."""

    reason = "account_limit"
    sentence = "The plan allows no further account: delete one or change the plan."


class RegistrationClosed(PermissionDenied):
    """The operator has closed public registration."""

    reason = "registration_closed"
    sentence = "Registration is closed on this gateway: ask its operator for a key."


class NotFound(GatewayError):
    """The thing that the request names does not exist for this caller."""


class PathNotFound(NotFound):
    """No operation has this path."""

    reason = "path_not_found"
    sentence = "No operation of this gateway has this path."


class AccountNotFound(NotFound):
    """The user has no such account, or none at all."""

    reason = "account_not_found"
    sentence = "Account not found."


class PositionNotFound(NotFound):
    """No open position of the account has this ticket."""

    reason = "position_not_found"
    sentence = "No open position has this ticket."


class OrderNotFound(NotFound):
    """No order of the account has this ticket, or none that still waits."""

    reason = "order_not_found"
    sentence = "No order has this ticket."


class RequestNotFound(NotFound):
    """The user has sent no trading request with this key in the last 24 hours."""

    reason = "request_not_found"
    sentence = "No request was sent with this key."


class SymbolNotFound(NotFound):
    """The broker has no such symbol."""

    reason = "symbol_not_found"
    sentence = "The broker has no such symbol."


class InvalidRequest(GatewayError):
    """The request breaks the contract; nothing was done."""


class MalformedJson(InvalidRequest):
    """The body is not one strict JSON value in UTF-8."""

    reason = "malformed_json"
    sentence = "The body is not valid JSON."


class InvalidBody(InvalidRequest):
    """The body is JSON and breaks its schema."""

    reason = "invalid_body"
    sentence = "The body breaks the contract of this operation."


class InvalidParameter(InvalidRequest):
    """A path, query or header parameter breaks its schema."""

    reason = "invalid_parameter"
    sentence = "A parameter breaks the contract of this operation."


class MethodNotAllowed(InvalidRequest):
    """The path exists and has no such method."""

    reason = "method_not_allowed"
    sentence = "This path has no such method."


class BodyTooLarge(InvalidRequest):
    """The body is larger than the gateway accepts."""

    reason = "body_too_large"
    sentence = "The body is larger than this gateway accepts."


class UnsupportedMediaType(InvalidRequest):
    """The body is not declared as application/json."""

    reason = "unsupported_media_type"
    sentence = "The body must be sent as application/json."


class Conflict(GatewayError):
    """The request is sound and the state of the account forbids it."""


class AccountAmbiguous(Conflict):
    """The user has several accounts and the request names none."""

    reason = "account_ambiguous"
    sentence = "The user has several accounts and the request does not say which one it is for."


class AccountPaused(Conflict):
    """Trading on the account is paused: new orders are blocked."""

    reason = "account_paused"
    sentence = "The account is paused: resume it to place new orders."


class AccountDeleted(Conflict):
    """The account was deprovisioned and cannot be reused."""

    reason = "account_deleted"
    sentence = "The account was deleted: create a new one."


class AccountLoginFailed(Conflict):
    """The broker refused the account's credentials."""

    reason = "account_login_failed"
    sentence = "The broker refused the credentials of this account: delete it and create it again."


class NotPending(Conflict):
    """A price was sent for an open position, which has none to move."""

    reason = "not_pending"
    sentence = "This ticket is that of an open position, which has no price to move: nothing was done."


class IdempotencyKeyReused(Conflict):
    """The idempotency key was used for another request."""

    reason = "idempotency_key_reused"
    sentence = "This idempotency key was used for another request: nothing was done. Use a new key for a new request."


class IdempotencyKeyInFlight(Conflict):
    """The request with this key has no outcome yet."""

    reason = "idempotency_key_in_flight"
    sentence = "The request with this idempotency key is still in flight: nothing was done. Ask for its outcome later."


class LimitExceeded(GatewayError):
    """A limit of the plan or the gateway is used up for now; `retry_after_seconds` is always set."""


class RequestRateExceeded(LimitExceeded):
    """More requests in a minute than the plan allows."""

    reason = "request_rate"
    sentence = "Too many requests: the plan's limit per minute is used up."


class DailyTradeLimitExceeded(LimitExceeded):
    """More trades in a UTC day than the plan allows."""

    reason = "daily_trade_limit"
    sentence = "The plan's trades for today are used up."


class RegistrationRateExceeded(LimitExceeded):
    """Too many users created from one client address."""

    reason = "registration_rate"
    sentence = "Too many users were created from this address."


class SocketLimitReached(LimitExceeded):
    """The user has as many sockets open as the gateway allows."""

    reason = "socket_limit"
    sentence = "Too many sockets of this user are open: close one first."


class ConnectionLimitReached(LimitExceeded):
    """The client address has as many connections open as the gateway allows."""

    reason = "connection_limit"
    sentence = "Too many connections from this address are open: close one first."


class ServerFault(GatewayError):
    """The gateway or something behind it could not do its part."""


class InternalError(ServerFault):
    """A defect of the gateway; the log has the details under the request id."""

    reason = "internal_error"
    sentence = "Internal gateway error."


class ConnectionsExhausted(ServerFault):
    """The gateway has as many connections open as it takes in all."""

    reason = "connection_limit"
    sentence = "The gateway has no room for another connection: try again."


class Draining(ServerFault):
    """The gateway is about to stop and finishes what it has begun."""

    reason = "draining"
    sentence = "The gateway is shutting down: send new requests elsewhere."


class AccountNotReady(ServerFault):
    """The account is not logged in at the broker now; nothing was done."""

    reason = "account_not_ready"
    sentence = "The account is not connected to its broker yet: try again."


class TerminalUnavailable(ServerFault):
    """The terminal cannot be reached; nothing was done."""

    reason = "terminal_unavailable"
    sentence = "The MetaTrader 5 terminal cannot be reached: nothing was done."


class StorageUnavailable(ServerFault):
    """The gateway cannot read or write what it must remember (disk full, database locked); nothing was done."""

    reason = "storage_unavailable"
    sentence = "The gateway's storage cannot be used now: nothing was done. Try again."


class PriceUnavailable(ServerFault):
    """The symbol exists and has no quote yet."""

    reason = "price_unavailable"
    sentence = "The symbol has no price yet: try again."


class OutcomeUnknown(ServerFault):
    """The reply of the broker was lost: the order may or may not have been executed. Never retry blindly."""

    reason = "outcome_unknown"
    sentence = "The broker's answer was lost: the order may or may not have been executed. Check before sending again."
