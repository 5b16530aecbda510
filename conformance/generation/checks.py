"""What the answers to generated requests are checked for, and what each of it says about the ledger."""

from dataclasses import dataclass

from conformance.requirements import Level

__all__ = ["AREA", "CHECKS", "GeneratedCheck", "identifier"]

AREA = "schema"


@dataclass(frozen=True, slots=True)
class GeneratedCheck:
    """One check of the engine. `otherwise` says why it is not applicable where no request exercised it."""

    name: str
    words: str
    level: Level
    requirements: tuple[str, ...]
    otherwise: str

    @property
    def requirement(self) -> str | None:
        """Return the row that a failure breaks, when there is one."""
        return self.requirements[0] if self.requirements else None


CHECKS = (
    GeneratedCheck(
        "not_a_server_error",
        "no generated request is answered 500",
        Level.MUST,
        ("TONPO-ERR-100",),
        "no request was answered",
    ),
    GeneratedCheck(
        "status_code_conformance",
        "every status is one that the contract documents",
        Level.SHOULD,
        (),
        "no request was answered",
    ),
    GeneratedCheck(
        "content_type_conformance",
        "every answer has a documented media type",
        Level.MUST,
        ("TONPO-HTTP-030",),
        "no answer had a status with a documented body",
    ),
    GeneratedCheck(
        "response_headers_conformance",
        "every documented header is valid",
        Level.SHOULD,
        (),
        "no answer had a status with documented headers",
    ),
    GeneratedCheck(
        "response_schema_conformance",
        "every body is valid against its schema",
        Level.MUST,
        ("TONPO-HTTP-030",),
        "no answer had a status with a documented body",
    ),
    GeneratedCheck(
        "negative_data_rejection",
        "requests that break the contract are refused",
        Level.SHOULD,
        ("TONPO-ERR-120",),
        "the contract leaves nothing to break in a request",
    ),
    GeneratedCheck(
        "positive_data_acceptance",
        "requests that the contract allows are not refused as invalid",
        Level.SHOULD,
        (),
        "no valid request could be generated",
    ),
    GeneratedCheck(
        "ignored_auth",
        "neither no key nor a wrong one is accepted",
        Level.MUST,
        ("TONPO-AUTH-010", "TONPO-AUTH-020"),
        "the operation needs no key, or no call succeeded that could be repeated without one",
    ),
    GeneratedCheck(
        "unsupported_method",
        "methods that the path does not have are answered 405",
        Level.SHOULD,
        ("TONPO-ERR-150",),
        "other methods are only tried on sandbox targets, once per path",
    ),
)


def identifier(operation: str, check: str) -> str:
    """Return the id of a result, such as `schema.placeOrder.ignored_auth`."""
    return f"{AREA}.{operation}.{check}"
