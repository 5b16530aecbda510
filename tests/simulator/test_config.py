"""The configuration file: what it makes, and what it says of mistakes."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from reference_server.simulator import AccountSettings, ManualClock, SimulatedBroker, SimulatedMetaTrader5
from reference_server.simulator.config import ConfigError, ControlSettings, load_config

EVERYTHING = """
[account]
deposit = 500
currency = "EUR"
leverage = 30
margin_mode = 0

[symbols]
file = "symbols.json"

[prices]
kind = "replay"
file = "ticks.csv"
start = "now"
loop = true

[time]
kind = "manual"
start = 2026-06-01T08:00:00Z

[server]
zone = "Europe/Athens"
always_open = false

[terminal]
max_bars = 5000

[[faults]]
kind = "requote"
times = 2

[control]
listen = "127.0.0.1:0"
token = "secret"
"""
SYMBOL = """{"symbols": [{"name": "EURUSD", "path": "Forex\\\\EURUSD", "description": "Euro", "digits": 5,
"contract_size": 100000, "calc_mode": 0, "currency_base": "EUR", "currency_profit": "USD", "currency_margin": "EUR",
"mid_price": 1.1, "spread_points": 8, "night_spread_points": 40, "daily_volatility": 0.005, "tick_interval_ms": 300,
"sessions": {"0": [["00:05", "24:00"]]}}]}"""
TICKS = "time_ms,symbol,bid,ask\n1000,EURUSD,1.1,1.1001\n2000,EURUSD,1.2,1.2001\n"


def written(folder: Path, text: str) -> Path:
    (folder / "symbols.json").write_text(SYMBOL)
    (folder / "ticks.csv").write_text(TICKS)
    file = folder / "simulator.toml"
    file.write_text(text)
    return file


def built(folder: Path, text: str) -> SimulatedBroker:
    return load_config(written(folder, text)).build()


def test_an_empty_file_is_the_default_broker(tmp_path: Path) -> None:
    broker = built(tmp_path, "")
    assert broker.market.symbols == SimulatedBroker().market.symbols
    assert broker.market.always_open
    assert broker.max_bars == 100_000
    assert not broker.faults.is_armed


def test_everything_that_a_file_says_is_so(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, EVERYTHING))
    broker = config.build()
    mt5 = SimulatedMetaTrader5(broker)
    assert config.control == ControlSettings("127.0.0.1:0", "secret")
    assert [entry.fault.kind for entry in broker.faults.list()] == ["requote"]
    broker.faults.clear()
    assert mt5.initialize()
    account = mt5.account_info()
    assert (account.balance, account.currency, account.leverage, account.margin_mode) == (500.0, "EUR", 30, 0)
    assert [symbol.name for symbol in mt5.symbols_get()] == ["EURUSD"]
    assert mt5.terminal_info().maxbars == 5000
    tick = mt5.symbol_info_tick("EURUSD")
    assert (tick.bid, tick.time) == (1.1, 1_780_311_600)
    assert isinstance(broker.clock, ManualClock)
    broker.clock.advance(seconds=1)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.2


def test_a_broker_can_be_put_on_a_clock_of_the_callers(tmp_path: Path) -> None:
    clock = ManualClock()
    assert load_config(written(tmp_path, "")).build(clock).clock is clock


def test_no_limit_of_bars(tmp_path: Path) -> None:
    assert built(tmp_path, "[terminal]\nmax_bars = 0").max_bars > 10**9


def test_the_documented_file_is_the_default_broker(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulator_prices.md").read_text(encoding="utf-8")
    config = load_config(written(tmp_path, page.split("```toml\n")[1].split("```")[0]))
    empty = load_config(written(tmp_path, ""))
    assert config.server_time.offset_ms(0) == empty.server_time.offset_ms(0)
    assert replace(config, server_time=empty.server_time) == empty
    for name in ("zone", "shift_hours", "always_open", "max_bars", "loop", "symbol", "factor", "listen", "token"):
        assert f"`{name}`" in page
    for field in fields(AccountSettings):
        assert f"`{field.name}`" in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[acount]", r"\[acount\]: there is no such table; there are account, symbols"),
        ("[account]\nlevrage = 5", r"\[account\] levrage: there is no such key; there are deposit"),
        ("[account]\nleverage = '5'", r"\[account\] leverage: must be a whole number, not '5'"),
        ("[account]\nleverage = true", r"\[account\] leverage: must be a whole number, not True"),
        ("[account]\ndeposit = nan", r"\[account\] deposit: must be a number, not nan"),
        ("[account]\nleverage = 0", r"\[account\]: leverage must be 1 or more"),
        ("[account]\ncurrency = 'QQQ'", r"\[account\] currency: .*QQQ"),
        ("account = 5", r"\[account\]"),
        ("[symbols]\nfile = 'none.json'", r"\[symbols\] file: there is no file .*none.json"),
        ("[symbols]\nfile = 'ticks.csv'", r"\[symbols\] file: .*ticks.csv"),
        ("[prices]\nkind = 'random'", r"\[prices\] kind: must be one of generated, replay, manual, not 'random'"),
        ("[prices]\nkind = 'replay'", r"\[prices\] file: is missing"),
        ("[prices]\nloop = true", r'\[prices\] loop: means nothing for kind = "generated"'),
        ("[prices]\nkind = 'replay'\nfile = 'symbols.json'", r"symbols.json: the column time_ms is missing"),
        (
            "[prices]\nkind = 'replay'\nfile = 'ticks.csv'\nstart = 'soon'",
            r"start: must be a date .* \"now\"",
        ),
        ("[time]\nkind = 'scaled'\nfactor = 0", r"\[time\] factor: must be above 0"),
        (
            "[time]\nkind = 'scaled'\nfactor = 1e30",
            r"\[time\] factor: .* at most 10000000, not 1e\+30",
        ),
        ("[time]\nkind = 'manual'\nstart = 9999-12-31T00:00:00Z", r"\[time\] start: must be in the years 1973 to 2037"),
        ("[time]\nkind = 'manual'\nstart = 0001-01-01T00:00:00+14:00", r"start: must be in the years 1973 to 2037"),
        ("[time]\nfactor = 2", r'\[time\] factor: means nothing for kind = "real"'),
        (
            "[time]\nkind = 'manual'\nstart = 2026-06-01T08:00:00",
            r"\[time\] start: must be a date and time with",
        ),
        ("[server]\nzone = 'Atlantis'", r"\[server\] zone: 'Atlantis' is no time zone"),
        ("[server]\nshift_hours = 3", r"\[server\] shift_hours: means nothing without zone"),
        ("[server]\nzone = 'UTC'\nshift_hours = 30", r"\[server\] shift_hours: must be from -24 to 24"),
        ("[terminal]\nmax_bars = -1", r"\[terminal\] max_bars: must be a number of bars, or 0"),
        ("[[faults]]\nkind = 'rain'", r"\[\[faults\]\] number 1, kind: "),
        ("[faults]\nkind = 'requote'", r"faults: must be a list of tables"),
        ("[control]\ntoken = ''", r"\[control\] token: must not be empty"),
        ("[control", "not a TOML file"),
        (f"x = {'[' * 20_000}", "not a TOML file"),
    ],
)
def test_a_mistake_is_named_with_its_file_table_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        built(tmp_path, text)
    assert str(tmp_path) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "none.toml")


def test_a_fixed_offset(tmp_path: Path) -> None:
    broker = built(tmp_path, "[server]\nzone = 'UTC'\nshift_hours = 3\n[time]\nkind = 'scaled'\nfactor = 10")
    assert broker.market.server_time.offset_ms(0) == 3 * 3_600_000
