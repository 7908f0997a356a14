"""Other matching engines in pure Python under the benchmark's commands; each adapter returns (commands done, volume).

Engines that are not installed are left out with a reason: `pip install lightmatchingengine==2019.1.4
pyorderbook==0.4.9 "order-matching[polars]==0.12.0"`. They match only: no accounts, money, fees, rules or facts.
"""

from __future__ import annotations

import bisect
import datetime
import importlib
import logging
from collections.abc import Callable
from typing import Any

from core.domain.enums import BookSide

Commands = list[Any]  # an int cancels the order of that command; (member, NewOrder) places one
Peer = Callable[[Commands], tuple[int, int]]
NEW_ONLY = 1_500  # of the slow one


def naive(made: Commands) -> tuple[int, int]:
    """Sorted lists: the least any engine must do."""
    books: dict[str, tuple[list[Any], list[Any]]] = {}
    orders: list[Any] = [None] * len(made)
    volume = 0
    for number, command in enumerate(made):
        if isinstance(command, int):
            row = orders[command]
            if row is not None and row[2]:
                row[3].remove(row)
                row[2] = 0
            continue
        _who, order = command
        bids, asks = books.setdefault(order.ticker, ([], []))
        own, other = (bids, asks) if order.side is BookSide.BID else (asks, bids)
        left, sign = order.count, order.side.sign
        while left and other and other[0][0] <= sign * order.price:
            best = other[0]
            taken = min(left, best[2])
            left, best[2], volume = left - taken, best[2] - taken, volume + taken
            if not best[2]:
                other.pop(0)
        if left:
            orders[number] = [order.price * -sign, number, left, own]
            bisect.insort(own, orders[number])
    return len(made), volume


def _light(made: Commands) -> tuple[int, int]:
    module = importlib.import_module("lightmatchingengine.lightmatchingengine")
    engine, orders, volume = module.LightMatchingEngine(), [None] * len(made), 0
    sides = {BookSide.BID: module.Side.BUY, BookSide.ASK: module.Side.SELL}
    for number, command in enumerate(made):
        if isinstance(command, int):
            order = orders[command]
            if order is not None and order.leaves_qty:
                engine.cancel_order(order.order_id, order.instmt)
            continue
        _who, wish = command
        orders[number], _trades = engine.add_order(wish.ticker, wish.price, wish.count, sides[wish.side])
        volume += orders[number].cum_qty
    return len(made), volume


def _pyorderbook(made: Commands) -> tuple[int, int]:
    found = importlib.import_module("pyorderbook.book"), importlib.import_module("pyorderbook.order")
    logging.getLogger("pyorderbook.book").setLevel(logging.ERROR)
    book, orders, volume = found[0].Book(), [None] * len(made), 0
    make = {BookSide.BID: found[1].bid, BookSide.ASK: found[1].ask}
    for number, command in enumerate(made):
        if isinstance(command, int):
            order = orders[command]
            if order is not None and order.id in book.order_map:
                book.cancel(order)
            continue
        _who, wish = command
        order = orders[number] = make[wish.side](wish.ticker, wish.price, wish.count)
        book.match(order)
        volume += wish.count - order.quantity
    return len(made), volume


def _order_matching(made: Commands) -> tuple[int, int]:
    """New orders only, all at once into one book, as it is meant to be used: a cancel there searches the whole book."""
    engine_of = importlib.import_module("order_matching.matching_engine").MatchingEngine
    order_of = importlib.import_module("order_matching.order").LimitOrder
    orders_of = importlib.import_module("order_matching.orders").Orders
    side_of = importlib.import_module("order_matching.enums").Side
    importlib.import_module("loguru").logger.disable("order_matching")
    sides = {BookSide.BID: side_of.BUY, BookSide.ASK: side_of.SELL}
    began = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).replace(tzinfo=None)
    wishes = [command[1] for command in made if not isinstance(command, int)][:NEW_ONLY]
    orders = [
        order_of(
            side=sides[wish.side], price=wish.price / 10_000, size=wish.count, order_id=str(number), trader_id="x",
            timestamp=began + datetime.timedelta(milliseconds=number), price_number_of_digits=4,
        )
        for number, wish in enumerate(wishes)
    ]  # fmt: skip
    engine = engine_of(seed=1)
    engine.place(orders=orders_of(orders))
    return len(orders), int(sum(trade.size for trade in engine.match(timestamp=began).trades))


# name: module that must be there, adapter
PEERS: dict[str, tuple[str, Peer]] = {
    "lightmatchingengine": ("lightmatchingengine", _light),
    "pyorderbook": ("pyorderbook", _pyorderbook),
    "order-matching (new orders only)": ("order_matching", _order_matching),
}


def installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True
