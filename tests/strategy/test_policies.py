"""The policies: a quote pays after fees, a whole set is only sold when it earns, what is wrong is taken and closed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.amounts import COUNT_SCALE, Count, Money, Price, contracts
from core.domain.enums import BookSide
from core.domain.ids import EventTicker, Ticker
from core.domain.market import FeeSchedule
from core.market.grid import PriceGrid
from core.strategies import NAMES, strategy_class
from core.strategy.actions import ACTIONS, HOLD, SIZES, act
from core.strategy.arbitrage import ArbitrageParameters, EventArbitrage
from core.strategy.base import Decision, MarketView, Quote
from core.strategy.maker import MakerMemory, MakerParameters, MarketMaker
from core.strategy.plain import Randomly
from core.strategy.taker import FairValueTaker, TakerParameters

MAKER_FEES = FeeSchedule(taker_rate=700, maker_rate=175)
FREE = FeeSchedule(taker_rate=0, maker_rate=0)


def view(
    bid: int | None = 4_500, ask: int | None = 4_700, size: int = 1_000, ticker: str = "KX-A", **more: Any
) -> MarketView:
    return MarketView(
        ticker=Ticker(ticker),
        event_ticker=EventTicker("KX"),
        grid=PriceGrid(()),
        best_bid=None if bid is None else Price(bid),
        best_ask=None if ask is None else Price(ask),
        bids=() if bid is None else ((Price(bid), Count(size)),),
        asks=() if ask is None else ((Price(ask), Count(size)),),
        **({"position": Count(0), "at_ms": 1_000_000} | more),
    )


# ---- maker -------------------------------------------------------------------------------------------------------


@given(
    st.integers(3, 96), st.integers(1, 30), st.integers(-40, 40), st.sampled_from([None, FREE, MAKER_FEES]),
    st.integers(0, 50_000),
)  # fmt: skip
def test_a_round_trip_of_the_makers_quotes_earns_its_edge_after_fees(
    cents: int, gap: int, held: int, fees: FeeSchedule | None, variance: int
) -> None:
    """With nothing held, buying at its bid and selling at its ask earns at least the edge twice, after both fees."""
    if cents + gap > 98:
        return
    seen = view(cents * 100, (cents + gap) * 100, fees=fees, position=contracts(held))
    found = MarketMaker().decide(seen, MakerMemory(variance=variance)).quotes
    prices = {quote.side: quote.price for quote in found}
    if len(prices) < 2 or held:
        return
    bid, ask = prices[BookSide.BID], prices[BookSide.ASK]
    middle = cents * 100 + gap * 50
    fee = seen.fee(middle, COUNT_SCALE, maker=True) // COUNT_SCALE
    assert ask - bid >= 2 * (MakerParameters().edge + fee) - 1


def test_inventory_weighs_most_at_even_odds_and_least_near_certainty() -> None:
    maker = MarketMaker()
    skews = [maker._skew(contracts(20), price, 400) for price in (300, 2_000, 5_000, 8_000, 9_700)]
    assert skews[2] == 200, "twenty contracts at ten a cent move even odds by two cents"
    assert skews[0] < skews[1] < skews[2] > skews[3] > skews[4]
    assert maker._skew(contracts(-20), 5_000, 400) == -200


def test_a_market_that_moves_fast_is_quoted_wider() -> None:
    maker = MarketMaker()
    calm = maker.decide(view(4_000, 5_000), MakerMemory()).quotes
    wild = maker.decide(view(4_000, 5_000), MakerMemory(variance=10**6)).quotes
    assert calm[0].price > wild[0].price
    assert calm[1].price < wild[1].price


def test_what_a_market_moves_is_learned_from_what_it_did() -> None:
    memory = MakerMemory()
    for second in range(1, 60):
        memory = memory.seen(9_000 + 400 * (second % 2), second * 1_000)
    assert 20_000 < memory.variance <= 40_000, "200 a second, squared"


# ---- taker -------------------------------------------------------------------------------------------------------


def after(taker: FairValueTaker, seconds: int) -> Any:
    memory = taker.begin(Ticker("KX-A"))
    for second in range(seconds):
        memory = taker.decide(view(at_ms=1_000_000 + 1_000 * second), memory).memory
    return memory


def test_a_price_wrong_by_the_edge_and_the_fee_is_taken_and_no_other() -> None:
    taker = FairValueTaker(TakerParameters(edge=150))
    memory, later = after(taker, 60), 1_060_000
    (take,) = taker.decide(view(4_000, 4_200, at_ms=later, fees=FREE), memory).takes
    assert (take.side, take.price, take.count) == (BookSide.BID, 4_200, contracts(5))
    assert taker.decide(view(4_300, 4_500, at_ms=later, fees=FREE), memory).takes == ()
    dear = FeeSchedule(taker_rate=7_000, maker_rate=0)
    assert taker.decide(view(4_000, 4_200, at_ms=later, fees=dear), memory).takes == ()


def test_a_clock_that_was_put_back_moves_no_value() -> None:
    taker = FairValueTaker()
    memory = after(taker, 60)
    back = taker.decide(view(bid=6_000, ask=6_200, at_ms=memory.at_ms - 3_600_000), memory).memory
    assert back.value == memory.value
    assert not taker.decide(view(bid=6_000, ask=6_200, at_ms=back.at_ms + 100), back).takes


def test_nothing_is_taken_before_there_is_a_value() -> None:
    taker = FairValueTaker()
    memory = after(taker, 5)
    assert taker.decide(view(1_000, 1_200, at_ms=1_006_000), memory).takes == ()


def test_a_position_is_closed_when_value_is_reached_and_not_past_flat() -> None:
    taker = FairValueTaker()
    memory = after(taker, 60)
    (take,) = taker.decide(view(4_700, 4_900, at_ms=1_060_000, position=contracts(2)), memory).takes
    assert (take.side, take.price, take.count) == (BookSide.ASK, 4_700, contracts(2))


# ---- arbitrage ---------------------------------------------------------------------------------------------------


def event(*bids: int, held: tuple[int, ...] = (), **more: Any) -> MarketView:
    legs = tuple(
        view(bid, bid + 100, ticker=f"KX-{n}", position=Count(held[n] if held else 0), **more)
        for n, bid in enumerate(bids)
    )
    return msgspec.structs.replace(legs[0], siblings=legs)


@given(st.lists(st.integers(100, 6_000), min_size=2, max_size=6), st.sampled_from([None, FREE, MAKER_FEES]))
def test_a_set_is_sold_only_where_it_earns_after_fees_whichever_market_comes_true(
    bids: list[int], fees: FeeSchedule | None
) -> None:
    arbitrage = EventArbitrage(ArbitrageParameters(edge=0))
    takes = arbitrage.decide(event(*bids, fees=fees), None).takes
    if not takes:
        return
    assert len(takes) == len(bids)
    received = sum(take.price * take.count for take in takes)
    paid = sum(view(fees=fees).fee(take.price, take.count) for take in takes)
    worst = 10_000 * takes[0].count  # one comes true
    assert Money(received - paid - worst) >= 0


def test_a_set_that_earns_nothing_after_fees_is_left_alone() -> None:
    assert EventArbitrage().decide(event(5_000, 5_050), None).takes == ()
    assert len(EventArbitrage().decide(event(5_500, 5_500), None).takes) == 2


def test_yes_of_all_is_bought_only_where_one_must_come_true() -> None:
    cheap = event(4_000, 4_000)
    assert EventArbitrage().decide(cheap, None).takes == ()
    sure = EventArbitrage(ArbitrageParameters(exhaustive=1)).decide(cheap, None).takes
    assert {take.side for take in sure} == {BookSide.BID}


def test_a_leg_that_stands_alone_is_closed() -> None:
    (take,) = EventArbitrage().decide(event(5_500, 5_500, held=(-500, -300)), None).takes
    assert (take.ticker, take.side, take.count) == ("KX-0", BookSide.BID, contracts(2))


# ---- action space and baselines ----------------------------------------------------------------------------------


@given(st.integers(0, ACTIONS - 1), st.integers(-60, 60), st.booleans())
def test_no_action_sells_what_is_not_held_or_passes_the_inventory(action: int, held: int, one_sided: bool) -> None:
    inventory = contracts(40)
    rests = (Quote(ticker=Ticker("KX-A"), side=BookSide.ASK, price=Price(4_800), count=contracts(1)),)
    seen = view(None if one_sided else 4_500, position=contracts(held), resting=rests)
    found = act(seen, action, inventory)
    if action == HOLD:
        assert found.quotes == rests
        return
    closes = ((action - 1) // len(SIZES)) % 2 == 1
    for quote in found.quotes:
        if quote in rests:
            continue
        after = contracts(held) + quote.side.sign * quote.count
        assert abs(after) <= max(inventory, abs(contracts(held)))
        assert not closes or abs(after) < abs(contracts(held)), "selling only gives back"
        assert quote.price in (4_500, 4_700), "it joins the best price"


def test_random_repeats_itself_and_reaches_every_action() -> None:
    def run() -> list[Decision]:
        policy, memory, found = Randomly(), Randomly().begin(Ticker("KX-A")), []
        for second in range(400):
            decision = policy.decide(view(at_ms=1_000_000 + second * 1_000, position=contracts(5)), memory)
            memory = decision.memory
            found.append(decision)
        return found

    first = run()
    assert first == run()
    assert {d.said.split(" @")[0].rsplit(" ", 1)[0] for d in first} >= {"buy YES", "sell YES", "buy NO"}
    assert any(d.said == "hold" for d in first)


@pytest.mark.parametrize("name", sorted(NAMES))
@pytest.mark.parametrize("shown", [(None, None), (4_500, None), (None, 4_700), (4_700, 4_500), (100, 9_900)])
def test_every_policy_stands_every_book_and_says_something(name: str, shown: tuple[int | None, int | None]) -> None:
    policy = strategy_class(name)()
    memory = policy.begin(Ticker("KX-A"))
    for second in range(3):
        decision = policy.decide(view(*shown, at_ms=1_000_000 + second * 1_000), memory)
        memory = decision.memory
        assert decision.said
        for side in BookSide:
            assert decision.quotes or decision.takes or decision.why_not(side) or name in ("random", "learned")
