"""A symbol file of one's own: read, and refused with the symbol and the key that is wrong."""

import json
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.simulator import SymbolProfile, load_symbols
from reference_server.simulator.listing import symbol_rules
from tests.simulator.conftest import open_desk

SYMBOL: dict[str, Any] = {
    "name": "EURUSDm", "path": "Forex\\EURUSDm", "description": "Euro", "digits": 5, "contract_size": 1000,
    "calc_mode": 0, "currency_base": "EUR", "currency_profit": "USD", "currency_margin": "EUR", "mid_price": 1.1,
    "spread_points": 10, "night_spread_points": 30, "daily_volatility": 0.005, "tick_interval_ms": 500,
    "sessions": {"0": [["00:05", "12:00"], ["13:00", "24:00"]], "6": []},
}  # fmt: skip


def write(folder: Path, *symbols: Any) -> Path:
    file = folder / "symbols.json"
    file.write_text(json.dumps({"symbols": list(symbols)}), encoding="utf-8")
    return file


def test_a_file_is_read_and_traded(tmp_path: Path) -> None:
    symbols = load_symbols(write(tmp_path, SYMBOL))
    profile = symbols[0]
    assert (profile.contract_size, profile.volume_min, profile.margin_rate_sell) == (1000.0, 0.01, None)
    assert isinstance(profile.contract_size, float)
    assert profile.sessions == {0: ((5, 720), (780, 1440)), 6: ()}
    desk = open_desk(symbols=symbols)
    assert desk.buy(0.1, symbol="EURUSDm").retcode == 10009


def test_every_field_of_a_symbol_is_a_documented_key_with_the_same_default() -> None:
    assert symbol_rules.KEYS.keys() == {field.name for field in fields(SymbolProfile)}
    for field in fields(SymbolProfile):
        key = symbol_rules.KEYS[field.name]
        assert key.meaning
        if field.default is not MISSING:
            assert key.default == field.default, field.name
            assert key.check(key.default) is None, field.name
        elif field.name != "sessions":
            assert key.default is symbol_rules.REQUIRED, field.name


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": 1}, "there is no key 'colour'"),
        ({"digits": None}, "digits must be a whole number from 0 to 8, not None"),
        ({"digits": 5.0}, "digits must be a whole number"),
        ({"digits": True}, "digits must be a whole number"),
        ({"contract_size": -5}, "contract_size must be a number above 0, not -5"),
        ({"contract_size": "100"}, "contract_size must be a number above 0"),
        ({"contract_size": 10**400}, "contract_size must be at most 1e12, not 1000"),
        ({"swap_long": -1e300}, "swap_long must be at most 1e12, not -1e+300"),
        ({"contract_size": float("inf")}, "contract_size must be at most 1e12, not inf"),
        ({"contract_size": float("nan")}, "contract_size must be a number above 0, not nan"),
        ({"mid_price": 1e-9}, "mid_price 1e-09 is below the smallest price, 1e-05"),
        ({"tick_size": 1000}, "mid_price 1.1 is below the smallest price, 1000"),
        ({"mid_price": 0}, "mid_price must be a number above 0"),
        ({"volume_min": -0.01}, "volume_min must be a number above 0"),
        ({"volume_min": 1, "volume_max": 0.5}, "volume_min 1 is above volume_max 0.5"),
        ({"volume_min": 0.015}, "volume_min 0.015 is no multiple of volume_step 0.01"),
        ({"volume_limit": 0.001}, "volume_limit 0.001 is below volume_min 0.01"),
        ({"calc_mode": 34}, "calc_mode must be one of 0, 1, 2, 3, 4, 5, 32, 33, 38, not 34"),
        ({"calc_mode": 33}, "margin_initial is missing: calc_mode 33 has no other margin"),
        ({"tick_size": 0.000001}, "tick_size 1e-06 has more decimals than digits 5"),
        ({"trade_mode": 5}, "trade_mode must be a whole number from 0 to 4"),
        ({"swap_mode": 9}, "swap_mode must be a whole number from 0 to 8"),
        ({"swap_long": "free"}, "swap_long must be a number"),
        ({"margin_hedged_use_leg": 1}, "margin_hedged_use_leg must be true or false"),
        ({"margin_rate_sell": -1}, "margin_rate_sell must be a number, 0 or more, or null"),
        ({"expiration_mode": 0}, "expiration_mode allows no expiration at all"),
        ({"description": 5}, "description must be a text"),
        ({"sessions": []}, 'sessions must map weekdays ("0" is Monday) to lists'),
        ({"sessions": {"monday": []}}, "sessions has the weekday 'monday': \"0\" is Monday"),
        ({"sessions": {"0": "00:00-24:00"}}, "sessions must have a list of [from, to] for weekday 0"),
        ({"sessions": {"0": [["00:00"]]}}, 'a session is ["HH:MM", "HH:MM"]'),
        ({"sessions": {"0": [[0, 1440]]}}, 'a session is ["HH:MM", "HH:MM"]'),
        ({"sessions": {"0": [["00:00", "24:01"]]}}, "'24:01' is no time of the day"),
        ({"sessions": {"0": [["7:00", "08:00"]]}}, "'7:00' is no time of the day"),
        ({"sessions": {"0": [["09:00", "08:00"]]}}, "end after they begin"),
        ({"sessions": {"0": [["09:00", "12:00"], ["11:00", "13:00"]]}}, "sessions follow each other"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    file = write(tmp_path, {**SYMBOL, **changes})
    with pytest.raises(ValueError, match="symbol 'EURUSDm': ") as raised:
        load_symbols(file)
    assert said in str(raised.value)
    assert str(raised.value).startswith(str(file))
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("[]", "a symbol file is"),
        ('{"symbols": []}', "at least one symbol"),
        ('{"symbols": {}}', "a symbol file is"),
        ('{"symbols": [5]}', "a symbol must be an object, not 5"),
        ('{"symbols": [{}]}', "symbol '?': name is missing"),
        ("[" * 100_000, "nested too deeply to be a symbol file"),
        ('{"symbols": [{"name": "A\\u0000B"}]}', "name must be a text that can be typed"),
        ('{"symbols": [{"name": " EURUSD"}]}', "name must be a text that can be typed"),
        ('{"symbols": [{"name": ""}]}', "name must be a text of 1 to 29 characters"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "symbols.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"symbols\.json") as raised:
        load_symbols(file)
    assert said in str(raised.value)


def test_a_key_that_is_missing_and_a_name_that_is_listed_twice(tmp_path: Path) -> None:
    short = {key: value for key, value in SYMBOL.items() if key != "digits"}
    with pytest.raises(ValueError, match="symbol 'EURUSDm': digits is missing"):
        load_symbols(write(tmp_path, short))
    with pytest.raises(ValueError, match="'EURUSDm' is listed twice"):
        load_symbols(write(tmp_path, SYMBOL, SYMBOL))
    with pytest.raises(FileNotFoundError):
        load_symbols(tmp_path / "none.json")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(symbol_rules.KEYS)), anything)
def test_whatever_a_key_holds_it_is_read_or_refused_by_name(key: str, value: Any) -> None:
    wrong = symbol_rules.KEYS[key].check(value)
    if wrong is None:
        return
    with pytest.raises(ValueError, match=f"symbol .*: {key} "):
        symbol_rules.checked({**SYMBOL, key: value})


def test_the_next_session_is_found_across_the_week() -> None:
    profile = next(profile for profile in load_symbols() if profile.name == "EURUSD")
    monday = 4 * 86_400_000  # 5 January 1970
    saturday = monday + 5 * 86_400_000
    assert profile.next_open_ms(saturday) == monday + 7 * 86_400_000 + 5 * 60_000
    assert profile.next_open_ms(monday + 3_600_000) == monday + 3_600_000
    assert profile.next_open_ms(monday + 86_400_000 - 1) == monday + 86_400_000 + 60_000


def test_the_page_of_the_symbol_file_has_every_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulator_trading.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for name, key in symbol_rules.KEYS.items():
        default = "required" if key.default is symbol_rules.REQUIRED else f"`{json.dumps(key.default)}`"
        assert f"| `{name}` | {default} | {key.meaning} |" in rows
