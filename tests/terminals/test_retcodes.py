"""One table says what became of a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.terminals.adapter.retcodes import RETCODES, Verdict, sentence_of, verdict_of


def test_every_retcode_of_the_package_is_in_the_table() -> None:
    published = {value for name, value in CONSTANTS.items() if name.startswith("TRADE_RETCODE_")}
    assert published <= RETCODES.keys()


@pytest.mark.parametrize(
    ("retcode", "reached_server", "verdict"),
    [
        (10008, True, Verdict.ACCEPTED),
        (10009, True, Verdict.ACCEPTED),
        (10010, True, Verdict.ACCEPTED),
        (10025, False, Verdict.ACCEPTED),
        (10011, True, Verdict.UNKNOWN),
        (10012, True, Verdict.UNKNOWN),
        (10019, True, Verdict.REFUSED),
        (10031, False, Verdict.REFUSED),
        (10031, True, Verdict.UNKNOWN),
        (10999, True, Verdict.UNKNOWN),
        (10999, False, Verdict.REFUSED),
        (10046, True, Verdict.REFUSED),
        (0, False, Verdict.UNKNOWN),
        (-1, True, Verdict.UNKNOWN),
        (10001, False, Verdict.UNKNOWN),
    ],
)
def test_the_verdicts(retcode: int, reached_server: bool, verdict: Verdict) -> None:
    assert verdict_of(retcode, reached_server=reached_server) is verdict


@given(st.integers())
def test_every_number_has_a_sentence(retcode: int) -> None:
    assert sentence_of(retcode).endswith(".")
