"""Settings: layers, origins, and every bad input as one line that names the thing and the mend."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import Settings, load, to_count, to_money
from core.domain.enums import Mode
from core.domain.errors import BadInput


def config(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_flags_win_over_environment_over_file_over_defaults(tmp_path: Path) -> None:
    path = config(tmp_path, "trading_max_orders = 3\nquote_markets = 2\norder_lease = 60\n")
    environment = {"KALSHI_TRADER_TRADING_MAX_ORDERS": "5", "KALSHI_TRADER_QUOTE_MARKETS": "7"}
    loaded = load({"trading_max_orders": 8}, environment, path)
    s = loaded.settings
    assert (s.trading_max_orders, s.quote_markets, s.order_lease, s.quote_size) == (8, 7, 60, 5)
    assert loaded.origins["trading_max_orders"] == "flag --trading-max-orders"
    assert loaded.origins["quote_markets"] == "environment KALSHI_TRADER_QUOTE_MARKETS"
    assert loaded.origins["order_lease"] == f"{path}:3"
    assert loaded.origins["quote_size"] == "default"


def test_an_unknown_key_is_refused_with_file_line_and_the_nearest_name(tmp_path: Path) -> None:
    path = config(tmp_path, "# mine\nmax_exposur = 10\n")
    with pytest.raises(BadInput, match=r"config.toml:2: unknown setting 'max_exposur'; did you mean 'max_exposure'"):
        load({}, {}, path)


def test_an_unknown_environment_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="KALSHI_TRADER_MODDE"):
        load({}, {"KALSHI_TRADER_MODDE": "paper"}, config(tmp_path, ""))


@pytest.mark.parametrize(
    "line",
    [
        "max_exposure = nan",
        "max_exposure = inf",
        "max_exposure = -1",
        'max_exposure = "NaN"',
        "max_exposure = 1.00001",
        "trading_max_orders = 0",
        "trading_max_orders = 2.5",
        'trading_max_orders = "many"',
        "trading_max_orders = true",
        'mode = "production"',
        "order_lease = 99999",
        "quote_size = 0",
        "seed = -1",
    ],
)
def test_a_bad_value_is_refused_with_file_line_and_reason(tmp_path: Path, line: str) -> None:
    path = config(tmp_path, f"quote_markets = 4\n{line}\n")
    with pytest.raises(BadInput, match=r"config\.toml:2: \w+: ") as refused:
        load({}, {}, path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["mode = ", "= 4", "[", "mode = 'a'\nmode = 'b'", "\x00"])
def test_what_is_no_toml_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"config\.toml"):
        load({}, {}, config(tmp_path, text))


def test_a_named_file_that_is_missing_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such configuration file"):
        load({}, {}, tmp_path / "nope.toml")
    with pytest.raises(BadInput, match="cannot be read"):
        load({}, {}, tmp_path)
    with pytest.raises(BadInput, match="no such configuration file"):
        load({}, {"KALSHI_TRADER_CONFIG": str(tmp_path / "nope.toml")})


def test_a_missing_default_file_means_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load({}, {}).settings.mode is Mode.PAPER


def test_live_watches_only_unless_the_client_is_switched_on() -> None:
    assert not Settings.model_validate({"mode": "live"}).client_enabled
    assert Settings.model_validate({"mode": "live", "enable_trading_client": True}).client_enabled
    assert Settings.model_validate({"mode": "demo"}).client_enabled


@given(st.decimals(0, 1_000_000, places=4))
def test_dollars_become_exact_money(value: Decimal) -> None:
    assert Decimal(to_money(value)) == value * 1_000_000


def test_contracts_become_exact_counts() -> None:
    assert to_count(Decimal("12.34")) == 1_234


@given(st.text(max_size=200))
def test_any_text_is_settings_or_one_line(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
        try:
            load({}, {}, path)
        except BadInput as refused:
            assert str(refused)


HOSTILE = (
    float("nan"), float("inf"), Decimal("-1"), Decimal("NaN"), Decimal(10) ** 30, -1, True, None, "", "x" * 10_000,
    "NaN", "\x00", [], {}, [1], {"a": 1}, b"x",
)  # fmt: skip


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_takes_a_hostile_value_rightly_or_refuses_it_by_name(name: str) -> None:
    refused = 0
    for value in HOSTILE:
        try:
            loaded = load({name: value}, {}).settings
        except BadInput as error:
            refused += 1
            assert f"flag --{name.replace('_', '-')}" in str(error) or "must" in str(error), error
            assert "\n" not in str(error) and len(str(error)) < 500
        else:
            kept = getattr(loaded, name)
            assert not isinstance(kept, Decimal) or (kept.is_finite() and 0 <= kept <= 1_000_000)
            assert not isinstance(kept, int) or isinstance(kept, bool) or kept >= 0
    assert refused >= 6


def test_every_setting_is_described() -> None:
    assert all(field.description for field in Settings.model_fields.values())
