"""What each family of errors looks like on the wire: HTTP status and the docs' `type`. One table, nothing else.

Source: Tonpo docs, "Error Handling" (401, 403, 404, 429, 500). Assumption: the statuses and types of the other rows.
"""

from __future__ import annotations

from reference_server.domain import errors

Row = tuple[int, str]

AUTHENTICATION = "authentication_error"
NOT_FOUND = "not_found"
INVALID = "invalid_request_error"
CONFLICT = "conflict_error"
RATE = "rate_limit_error"
SERVER = "server_error"

ERROR_TABLE: dict[type[errors.GatewayError], Row] = {
    errors.AuthenticationFailed: (401, AUTHENTICATION),
    errors.PermissionDenied: (403, AUTHENTICATION),
    errors.NotFound: (404, NOT_FOUND),
    errors.InvalidRequest: (400, INVALID),
    errors.MethodNotAllowed: (405, INVALID),
    errors.BodyTooLarge: (413, INVALID),
    errors.UnsupportedMediaType: (415, INVALID),
    errors.Conflict: (409, CONFLICT),
    errors.LimitExceeded: (429, RATE),
    errors.ServerFault: (500, SERVER),
    errors.ConnectionsExhausted: (503, SERVER),
    errors.Draining: (503, SERVER),
    errors.AccountNotReady: (503, SERVER),
    errors.TerminalUnavailable: (503, SERVER),
    errors.PriceUnavailable: (503, SERVER),
    errors.StorageUnavailable: (503, SERVER),
    errors.OutcomeUnknown: (504, SERVER),
    errors.GatewayError: (500, SERVER),
}


def row_of(error: errors.GatewayError) -> Row:
    """Return the row of the error's class, or of its nearest ancestor in the table."""
    for ancestor in type(error).__mro__:
        row = ERROR_TABLE.get(ancestor)
        if row is not None:
            return row
    raise LookupError(type(error).__name__)
