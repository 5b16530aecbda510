from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.configuration import build_target, read_target_file
from conformance.errors import ConfigurationError
from conformance.target import Effects, TargetClass, TargetConfig, parse_credentials

URL = "http://localhost:8080"


def test_without_a_class_a_target_is_live_and_nothing_may_be_changed_on_it() -> None:
    target = build_target({"url": URL}, {})
    assert target.target_class is TargetClass.LIVE
    assert target.allowed_effects == {Effects.NONE}
    assert target.user_budget == 0


def test_orders_on_a_demo_need_permission() -> None:
    demo = TargetConfig(URL, target_class=TargetClass.DEMO)
    assert demo.allowed_effects == {Effects.NONE, Effects.ACCOUNT}
    allowed = TargetConfig(URL, target_class=TargetClass.DEMO, allow_orders=True)
    assert allowed.allowed_effects == frozenset(Effects)


def test_a_sandbox_allows_everything() -> None:
    assert TargetConfig(URL, target_class=TargetClass.SANDBOX).allowed_effects == frozenset(Effects)


def test_orders_are_never_allowed_on_a_live_target() -> None:
    with pytest.raises(ConfigurationError, match="allow_orders: orders are never placed on a live target"):
        TargetConfig(URL, allow_orders=True)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "url: missing"),
        ({"url": "localhost:8080"}, "url: .* is not an http:// or https:// URL"),
        ({"url": "ftp://host"}, "url: .* is not an http:// or https:// URL"),
        ({"url": "http://user:pass@host"}, "url: credentials do not belong into the URL"),
        ({"url": "http://host/?a=b"}, "url: a base URL has no query"),
        ({"url": URL, "profile": "half"}, "profile: 'half' is none of"),
        ({"url": URL, "target_class": "toy"}, "target_class: 'toy' is none of sandbox, demo, live"),
        ({"url": URL, "volume": "much"}, "volume: 'much' is not a number of lots"),
        ({"url": URL, "volume": "0.2"}, "volume: 0.2 is above max_volume 0.10"),
        ({"url": URL, "volume": "NaN"}, "volume: 'NaN' is not a number of lots"),
        ({"url": URL, "api_keys": ("a", "a")}, "api_keys: a key is given twice"),
        ({"url": URL, "api_keys": ("a b",)}, "api_keys: a key holds a space"),
        ({"url": URL, "accounts": ("1:p",)}, r"accounts\[0\]: expected LOGIN:PASSWORD@SERVER"),
        ({"url": URL, "accounts": ("1:p@s", "1:q@s")}, "accounts: a login is given twice"),
        ({"url": URL, "seed": "one"}, "seed: 'one' is not an integer"),
        ({"url": URL, "timeouts": {"request": 0}}, "timeouts.request: seconds above 0"),
        ({"url": URL, "timeouts": {"reqest": 1}}, "timeouts.reqest: no such field; there are account_active"),
        ({"url": URL, "budgets": {"users": "x"}}, "budgets.users: 'x' is not a number"),
    ],
)
def test_a_mistake_is_told_with_the_name_of_its_field(settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        build_target(settings, {})


def test_flags_weigh_more_than_the_file_and_the_file_more_than_defaults(tmp_path: Path) -> None:
    path = tmp_path / "target.toml"
    path.write_text('url = "http://file"\nprofile = "all"\nseed = 5\n[timeouts]\nrequest = 2.5\n')
    target = build_target({"url": None, "seed": 0, "profile": None, "only": ()}, {}, read_target_file(path))
    assert (target.url, target.profile, target.seed, target.timeouts.request) == ("http://file", "all", 0, 2.5)


def test_secrets_come_from_flags_or_the_environment() -> None:
    environment = {"TONPO_API_KEY": "first second", "TONPO_ACCOUNT": "1:p@s 2:q@s", "TONPO_BAD_ACCOUNT": "3:r@s"}
    target = build_target({"url": URL}, environment)
    assert target.api_keys == ("first", "second")
    assert [one.login for one in target.accounts] == ["1", "2"]
    assert target.bad_account is not None
    assert build_target({"url": URL, "api_keys": ("flag",)}, environment).api_keys == ("flag",)


@pytest.mark.parametrize("name", ["api_keys", "accounts", "bad_account"])
def test_a_target_file_holds_no_secrets(tmp_path: Path, name: str) -> None:
    path = tmp_path / "target.toml"
    path.write_text(f'url = "{URL}"\n{name} = "x"\n')
    with pytest.raises(ConfigurationError, match=r"secrets do not belong into a file; set \$TONPO_"):
        read_target_file(path)


def test_an_unknown_field_of_a_target_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "target.toml"
    path.write_text('ulr = "x"\n')
    with pytest.raises(ConfigurationError, match="ulr: no such field"):
        read_target_file(path)


def test_a_missing_target_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_target_file(tmp_path / "none.toml")


@given(
    st.integers(min_value=1, max_value=10**12),
    st.text(min_size=1).filter(lambda text: "\n" not in text),
    st.from_regex(r"[^@\n]+", fullmatch=True),
)
def test_any_password_may_hold_colons_and_at_signs(login: int, password: str, server: str) -> None:
    found = parse_credentials(f"{login}:{password}@{server}", "account")
    assert (found.login, found.password, found.server) == (str(login), password, server)


def test_representations_hold_no_secrets() -> None:
    target = TargetConfig(
        URL, api_keys=("sk_live_secret",), accounts=(parse_credentials("1:hunter22@s", "a"),), volume=Decimal("0.02")
    )
    assert "secret" not in repr(target)
    assert "hunter22" not in repr(target)
