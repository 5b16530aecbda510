"""Which suite and which contract judged: so that two reports can be compared."""

import hashlib
from importlib.metadata import PackageNotFoundError, version

from spec.documents import ASYNCAPI_PATH, OPENAPI_PATH, REQUIREMENTS_PATH

__all__ = ["contract_sha256", "suite_version"]


def suite_version() -> str:
    """Return the version of the installed distribution, or `source` in a bare checkout."""
    try:
        return version("tonpo-spec")
    except PackageNotFoundError:
        return "source"


def contract_sha256() -> str:
    """Return the digest of the two documents and the ledger, as one hexadecimal text."""
    digest = hashlib.sha256()
    for path in (OPENAPI_PATH, ASYNCAPI_PATH, REQUIREMENTS_PATH):
        digest.update(path.read_bytes())
    return digest.hexdigest()
