"""What is asked of a module of the shape of `MetaTrader5` on a machine without a terminal, as data.

A case is Python source: statements, the last of them an expression, with the module as `mt5` and the names of
`tests.parity.outcome.NAMES`. Standard library only: the genuine package's Windows Python reads this too.
"""

import hashlib

from tests.parity.cases.calling import CALLING
from tests.parity.cases.connection import CONNECTION
from tests.parity.cases.constants import CONSTANTS
from tests.parity.cases.dates import DATES
from tests.parity.cases.filters import FILTERS
from tests.parity.cases.market import MARKET
from tests.parity.cases.requests import REQUESTS
from tests.parity.cases.structs import STRUCTS
from tests.parity.cases.surface import SURFACE

SUBJECTS: dict[str, tuple[str, ...]] = {
    "calling": CALLING,
    "connection": CONNECTION,
    "constants": CONSTANTS,
    "dates": DATES,
    "filters": FILTERS,
    "market": MARKET,
    "requests": REQUESTS,
    "structs": STRUCTS,
    "surface": SURFACE,
}
"""Every case by subject."""

CASES: tuple[str, ...] = tuple(dict.fromkeys(case for cases in SUBJECTS.values() for case in cases))
"""Every case, once."""


def fingerprint() -> str:
    """A hash over all cases: says whether a recording was made with these."""
    return hashlib.sha256("\0".join(CASES).encode("utf-8", "surrogatepass")).hexdigest()
