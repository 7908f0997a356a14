"""The market maker and the differ: both sides, inside the limits, as few writes as will do."""

from hypothesis import given
from hypothesis import strategies as st

from core.domain.amounts import Count, Price, contracts
from core.domain.commands import AmendOrder, CancelOrder, PlaceOrder
from core.domain.effects import SendDecrease, SendOrder, SendOrders
from core.domain.enums import BookSide, Origin
from core.domain.ids import ClientOrderId
from core.market.grid import PriceGrid
from core.strategy.base import MarketView, Quote
from core.strategy.differ import Working, diff
from core.strategy.maker import MakerParameters, MarketMaker
from tests.core.builders import CENTS, Bench, T, book, fill, market
from tests.core.test_books import TAPERED


def view(bid: int | None = 4_500, ask: int | None = 4_700, position: int = 0, bands: object = CENTS) -> MarketView:
    return MarketView(
        ticker=T,
        grid=PriceGrid(bands),  # type: ignore[arg-type]
        best_bid=None if bid is None else Price(bid),
        best_ask=None if ask is None else Price(ask),
        position=Count(position),
    )


def quotes_of(seen: MarketView) -> tuple[Quote, ...]:
    maker = MarketMaker()
    return maker.decide(seen, maker.begin(T)).quotes


def prices(quotes: tuple[Quote, ...]) -> dict[BookSide, int]:
    return {q.side: q.price for q in quotes}


def test_a_narrow_spread_is_joined_on_both_sides() -> None:
    assert prices(quotes_of(view())) == {BookSide.BID: 4_500, BookSide.ASK: 4_700}


def test_a_wide_spread_is_improved_by_one_tick() -> None:
    assert prices(quotes_of(view(ask=5_000))) == {BookSide.BID: 4_600, BookSide.ASK: 4_900}


def test_no_middle_is_invented_for_a_one_sided_book() -> None:
    assert quotes_of(view(bid=None)) == ()
    assert quotes_of(view(ask=None)) == ()


def test_inventory_moves_the_quotes_against_itself() -> None:
    long = prices(quotes_of(view(position=2_000)))
    assert long[BookSide.BID] == 4_300
    assert long[BookSide.ASK] == 4_600, "eager to sell what it holds"
    short = prices(quotes_of(view(position=-2_000)))
    assert short == {BookSide.BID: 4_600, BookSide.ASK: 4_900}


def test_a_side_that_would_grow_past_the_inventory_is_not_quoted() -> None:
    assert set(prices(quotes_of(view(position=4_000)))) == {BookSide.ASK}
    assert set(prices(quotes_of(view(position=-4_000)))) == {BookSide.BID}


@given(st.integers(100, 9_800), st.integers(1, 1_500), st.integers(-6_000, 6_000), st.booleans())
def test_quotes_never_cross_stay_on_the_grid_and_inside_the_inventory(
    bid: int, gap: int, position: int, fine: bool
) -> None:
    bands = TAPERED if fine else CENTS
    grid = PriceGrid(bands)
    low, high = grid.floor(bid), grid.ceil(bid + gap)
    if low is None or high is None:
        return
    parameters = MakerParameters()
    quotes = quotes_of(view(low, high, position, bands))
    for quote in quotes:
        assert grid.is_valid(quote.price)
        assert quote.count <= parameters.size
        assert abs(position + quote.side.sign * quote.count) <= max(abs(position), parameters.inventory)
    shown = prices(quotes)
    if len(shown) == 2:
        assert shown[BookSide.BID] < shown[BookSide.ASK]
    assert shown.get(BookSide.BID, 0) < high
    assert shown.get(BookSide.ASK, 10_000) > low


def working(
    side: BookSide, price: int, name: str = "w", settled: bool = True, old: bool = False, remaining: int = 500
) -> Working:
    return Working(
        client_order_id=ClientOrderId(name), ticker=T, side=side, price=Price(price), remaining=Count(remaining),
        settled=settled, old=old,
    )  # fmt: skip


BID = Quote(ticker=T, side=BookSide.BID, price=Price(4_500), count=contracts(5))


def test_an_order_where_it_is_wished_keeps_its_place() -> None:
    assert diff((BID,), (working(BookSide.BID, 4_500),)) == []


def test_an_order_that_is_too_large_where_it_is_wished_is_made_smaller() -> None:
    smaller = Quote(ticker=T, side=BookSide.BID, price=Price(4_500), count=contracts(2))
    (only,) = diff((smaller,), (working(BookSide.BID, 4_500),))
    assert isinstance(only, AmendOrder)
    assert (only.price, only.count, only.origin) == (4_500, 200, Origin.STRATEGY)
    assert diff((smaller,), (working(BookSide.BID, 4_500, settled=False),)) == []
    assert diff((smaller,), (working(BookSide.BID, 4_500, remaining=100),)) == [], "growing would lose the place"


def test_a_quote_near_the_inventory_shrinks_to_what_has_room() -> None:
    bench = Bench(strategy=MarketMaker(MakerParameters(inventory=contracts(7)))).up()
    bench.beat(times=30)
    for sent in [e for e in bench.effects if isinstance(e, SendOrder)]:
        bench.accept(sent, order="o1" if sent.side is BookSide.BID else "o2")
    bench.step(fill(trade="t9", order="elsewhere", count=400))
    bench.effects.clear()
    bench.beat(times=5)
    (less,) = [e for e in bench.effects if isinstance(e, SendDecrease)]
    assert (less.order_id, less.reduce_by, less.count) == ("o1", 200, 300)


def test_an_order_elsewhere_is_canceled_and_its_successor_waits() -> None:
    (only,) = diff((BID,), (working(BookSide.BID, 4_400),))
    assert isinstance(only, CancelOrder)


def test_a_side_never_holds_two_quotes() -> None:
    assert diff((BID,), (working(BookSide.BID, 4_400, settled=False),)) == []
    (only,) = diff((BID,), (working(BookSide.BID, 4_500, "a"), working(BookSide.BID, 4_500, "b")))
    assert isinstance(only, CancelOrder)
    assert only.client_order_id == "b"


def test_an_empty_side_is_quoted_post_only() -> None:
    (only,) = diff((BID,), ())
    assert isinstance(only, PlaceOrder)
    assert only.post_only
    assert only.origin is Origin.STRATEGY


def test_an_order_near_the_end_of_its_lease_is_replaced() -> None:
    (only,) = diff((BID,), (working(BookSide.BID, 4_500, old=True),))
    assert isinstance(only, CancelOrder)


def test_what_is_no_longer_wished_is_canceled() -> None:
    (only,) = diff((), (working(BookSide.ASK, 4_700),))
    assert isinstance(only, CancelOrder)


def quoting() -> Bench:
    bench = Bench(MarketMaker())
    bench.markets = (market("KX-A"), market("KX-B"))
    return bench.up()


def test_the_trader_quotes_both_sides_of_its_markets_inside_the_order_rate() -> None:
    bench = quoting()
    bench.beat(times=30)
    orders = bench.desk.orders.get_open_orders()
    assert {(o.ticker, o.side) for o in orders} == {(t, s) for t in ("KX-A", "KX-B") for s in BookSide}
    assert bench.desk.orders.counts.denied == 0


def test_own_orders_are_not_taken_for_the_market() -> None:
    bench = quoting()
    for index, order in enumerate(bench.desk.orders.get_open_orders()):
        if order.ticker == "KX-A" and order.side is BookSide.BID:
            bench.step(book("KX-A", bids=((4_600, order.count), (4_400, 1_000)), seq=2))
            own = order
        _ = index
    own.price = Price(4_600)
    before = own.client_order_id
    bench.beat(times=10)
    assert before  # the wish is judged from 4,400, the best price of somebody else
    decided = bench.engine.actor.view(bench.desk, bench.desk.markets.get("KX-A"), [own])  # type: ignore[arg-type]
    assert decided.best_bid == 4_400


def test_a_filled_quote_is_quoted_again() -> None:
    bench = quoting()
    sent = bench.desk.orders.get_open_orders()[0]
    bench.step(fill(order="o9", client=sent.client_order_id, ticker=sent.ticker, side=sent.side, price=sent.price))
    bench.beat(times=10)
    again = [o for o in bench.desk.orders.get_open_orders() if (o.ticker, o.side) == (sent.ticker, sent.side)]
    assert len(again) == 1
    assert again[0].client_order_id != sent.client_order_id


def test_while_an_order_has_no_reply_for_seconds_the_strategy_sends_no_new_one() -> None:
    bench = Bench(MarketMaker()).up()
    bench.beat(times=3)
    before = len([e for e in bench.effects if isinstance(e, SendOrder | SendOrders)])
    assert before, "it quotes"
    for seq in range(2, 60):
        bench.step(book(bids=((4_500 - 100 * (seq % 3), 1_000),), seq=seq))
        bench.beat()
    quiet = [e for e in bench.effects if isinstance(e, SendOrder | SendOrders)][before:]
    assert bench.desk.orders.longest_unanswered_ns(bench.now) > 3_000_000_000
    assert not quiet
