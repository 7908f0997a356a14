"""One stream connection, without a socket: command texts in, frames out through a callback.

Owns sids (one per channel, from 1 up) and seqs (one count per sid, over all its markets). `ok` and `unsubscribed` take
a number, `subscribed` does not. A subscription whose reader is too slow dies with error 25, never silently thinned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from core.sim.accounts import Account
from core.sim.events import TickerMoved
from core.sim.facts import Fact
from core.sim.faults import Faults
from core.sim.frames import snapshot_msg, ticker_text
from core.sim.stream_limits import StreamLimits
from core.sim.text import NS, NS_PER_MS
from core.sim.venue import Venue
from core.sim.views import Json

ORDERBOOK, TICKER, TRADE, FILL = "orderbook_delta", "ticker", "trade", "fill"
ORDERS, POSITIONS, LIFECYCLE = "user_orders", "market_positions", "market_lifecycle_v2"
GROUPS = "order_group_updates"


class Channel(msgspec.Struct, frozen=True):
    """Whether a channel may be filtered by market, and whether its frames are numbered."""

    numbered: bool
    filtered: bool = True


CHANNELS: dict[str, Channel] = {
    ORDERBOOK: Channel(True),
    TICKER: Channel(False),
    TRADE: Channel(True),
    FILL: Channel(False),
    ORDERS: Channel(False),
    POSITIONS: Channel(False),
    LIFECYCLE: Channel(True, filtered=False),
    GROUPS: Channel(True, filtered=False),
}
ERRORS = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    9: "Authentication required",
    10: "Channel error",
    11: "Invalid parameter",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market Ticker required",
    15: "Action required",
    18: "Command timeout",
    25: "Subscription buffer overflow",
    26: "Subscription market limit exceeded",
    27: "Too many requests",
}


class Subscription:
    """One sid. `tickers` None means every market."""

    __slots__ = ("channel", "numbered", "seq", "sid", "tickers", "yes_price")

    def __init__(self, sid: int, channel: str, tickers: dict[str, None] | None, yes_price: bool) -> None:
        self.sid = sid
        self.channel = channel
        self.numbered = CHANNELS[channel].numbered
        self.seq = 0
        self.tickers = tickers
        self.yes_price = yes_price

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    def wants(self, ticker: str) -> bool:
        return self.tickers is None or ticker in self.tickers


class CommandError(Exception):
    """A command the stream answers with an error frame."""

    def __init__(self, code: int, **more: Any) -> None:
        super().__init__(ERRORS[code])
        self.code = code
        self.more = more


class FeedSession:
    """State of one connection. `send` takes a frame and its channel, empty for answers, and says if there was room."""

    def __init__(
        self,
        venue: Venue,
        account: Account,
        send: Callable[[bytes, str], bool],
        faults: Faults | None = None,
        limits: StreamLimits | None = None,
    ) -> None:
        self._venue = venue
        self._account = account
        self._send = send
        self._faults = faults
        self._limits = limits or StreamLimits()
        self._second = self._asked = 0
        self._last_sid = 0
        self._by_channel: dict[str, Subscription] = {}
        self._now_ms = 0
        self._commands: dict[str, Callable[[int | None, Json], None]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "update_subscription": self._update,
            "list_subscriptions": self._list,
        }
        self._actions: dict[str, Callable[[Subscription, list[str], int | None, Json], None]] = {
            "add_markets": self._add_markets,
            "delete_markets": self._delete_markets,
            "get_snapshot": self._get_snapshot,
        }

    # in

    def on_text(self, text: str | bytes, now_ns: int) -> None:
        """One command; whatever it is, the answer is frames."""
        self._now_ms = now_ns // NS_PER_MS
        command_id: int | None = None
        try:
            command = self._decode(text)
            command_id = _command_id(command)
            self._count(now_ns // NS)
            act = self._commands.get(str(command.get("cmd")))
            if act is None:
                raise CommandError(5)
            params = command.get("params")
            if act == self._list:
                params = params or {}
            if not isinstance(params, dict):
                raise CommandError(2)
            act(command_id, params)
        except CommandError as error:
            self._reply({"type": "error", "msg": {"code": error.code, "msg": str(error), **error.more}}, command_id)

    def on_fact(self, fact: Fact, now_ns: int) -> None:
        """A venue fact; becomes a frame for the subscription that wants it."""
        sub = self._by_channel.get(fact.channel)
        if sub is None or not (sub.tickers is None or fact.ticker is None or fact.ticker in sub.tickers):
            return
        if fact.account is not None and fact.account is not self._account:
            return
        self._now_ms = now_ns // NS_PER_MS
        self._push(sub, fact.kind, fact.text(yes_price=sub.yes_price, own=fact.owner is self._account))

    def _count(self, second: int) -> None:
        """Commands of one second; those over the limit are not carried out."""
        if second != self._second:
            self._second, self._asked = second, 0
        self._asked += 1
        if self._asked > self._limits.commands:
            raise CommandError(27)

    def _room(self, more: dict[str, int]) -> None:
        """Markets named in all subscriptions together, with so many more by channel."""
        named = sum(len(sub.tickers or ()) for sub in self._by_channel.values())
        if named + sum(more.values()) > self._limits.markets:
            raise CommandError(26)

    # out

    def _reply(self, frame: Json, command_id: int | None) -> None:
        """An answer to a command. Id 0 means none and is not echoed."""
        if command_id:
            frame["id"] = command_id
        frame["sending_ts_ms"] = self._now_ms
        self._send(msgspec.json.encode(frame), "")

    def _push(self, sub: Subscription, kind: str, body: str) -> None:
        seq = ""
        if sub.numbered:
            sub.seq += 1
            seq = f',"seq":{sub.seq}'
        frame = f'{{"type":"{kind}","sid":{sub.sid}{seq},"sending_ts_ms":{self._now_ms},"msg":{body}}}'
        if not self._send(frame.encode(), sub.channel):
            # Terminal: the reader must subscribe again, nothing is skipped behind its back.
            del self._by_channel[sub.channel]
            end = {"type": "error", "sid": sub.sid, "msg": {"code": 25, "msg": ERRORS[25]}}
            if sub.numbered:
                end["seq"] = sub.seq
            self._reply(end, None)

    def _ok(self, sub: Subscription, command_id: int | None, params: Json) -> None:
        frame: Json = {"type": "ok", "sid": sub.sid, "seq": sub.next_seq()}
        if sub.tickers is not None and not params.get("skip_ticker_ack"):
            frame["msg"] = {"market_tickers": list(sub.tickers)}
        self._reply(frame, command_id)

    # commands

    @staticmethod
    def _decode(text: str | bytes) -> Json:
        try:
            command = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            raise CommandError(1) from None
        if not isinstance(command, dict):
            raise CommandError(1)
        return command

    def _subscribe(self, command_id: int | None, params: Json) -> None:
        channels = params.get("channels")
        if not channels:
            raise CommandError(3)
        if not isinstance(channels, list):
            raise CommandError(11)
        if any(not isinstance(name, str) or name not in CHANNELS for name in channels):
            raise CommandError(8)
        tickers = self._filter(params)
        if ORDERBOOK in channels and not tickers:
            raise CommandError(14)
        self._room({name: len(self._new(name, tickers)) for name in dict.fromkeys(channels) if CHANNELS[name].filtered})
        for name in dict.fromkeys(channels):
            failed = self._faults.strike("subscribe_failed", channel=name) if self._faults else None
            if failed:
                code = failed["code"]
                self._reply({"type": "error", "msg": {"code": code, "msg": ERRORS.get(code, ERRORS[10])}}, command_id)
                continue
            wanted = tickers if CHANNELS[name].filtered else None
            sub = self._by_channel.get(name)
            if sub is None:
                self._open(name, wanted, command_id, params)
            else:
                # A further subscribe merges into the same sid.
                self._merge(sub, wanted, command_id, params)

    def _new(self, name: str, tickers: list[str] | None) -> list[str]:
        """Of the markets a command names, those its channel does not have yet."""
        sub = self._by_channel.get(name)
        return [t for t in tickers or () if sub is None or not sub.wants(t)]

    def _open(self, name: str, tickers: list[str] | None, command_id: int | None, params: Json) -> None:
        self._last_sid += 1
        chosen = None if tickers is None else dict.fromkeys(tickers)
        sub = Subscription(self._last_sid, name, chosen, bool(params.get("use_yes_price")))
        self._by_channel[name] = sub
        self._reply({"type": "subscribed", "msg": {"channel": name, "sid": sub.sid}}, command_id)
        self._show(sub, self._venue.markets if tickers is None else tickers, params)

    def _merge(self, sub: Subscription, tickers: list[str] | None, command_id: int | None, params: Json) -> None:
        added = [t for t in (self._venue.markets if tickers is None else tickers) if not sub.wants(t)]
        sub.tickers = None if tickers is None or sub.tickers is None else sub.tickers | dict.fromkeys(tickers)
        self._ok(sub, command_id, params)
        self._show(sub, added, params)

    def _show(self, sub: Subscription, tickers: Iterable[str], params: Json) -> None:
        """Books always start with a snapshot, tickers only where it was asked for."""
        for ticker in list(tickers):
            market = self._venue.markets[ticker]
            if sub.channel == ORDERBOOK:
                body = msgspec.json.encode(snapshot_msg(market, yes_price=sub.yes_price)).decode()
                self._push(sub, "orderbook_snapshot", body)
            elif sub.channel == TICKER and params.get("send_initial_snapshot"):
                self._push(sub, "ticker", ticker_text(TickerMoved(market, self._now_ms * NS_PER_MS)))
            if self._by_channel.get(sub.channel) is not sub:
                return

    def _unsubscribe(self, command_id: int | None, params: Json) -> None:
        sids = params.get("sids")
        if not sids:
            raise CommandError(4)
        if not isinstance(sids, list):
            raise CommandError(11)
        subs = [self._by_sid(sid) for sid in sids]
        for sub in dict.fromkeys(subs):
            self._by_channel.pop(sub.channel, None)
            self._reply({"type": "unsubscribed", "sid": sub.sid, "seq": sub.next_seq()}, command_id)

    def _update(self, command_id: int | None, params: Json) -> None:
        sids = params.get("sids", [])
        if not isinstance(sids, list):
            raise CommandError(11)
        named = [*sids, *([params["sid"]] if params.get("sid") is not None else [])]
        if len(named) != 1:
            raise CommandError(12)
        sub = self._by_sid(named[0])
        action = params.get("action")
        if not action:
            raise CommandError(15)
        act = self._actions.get(action) if isinstance(action, str) else None
        if act is None or not CHANNELS[sub.channel].filtered:
            raise CommandError(13)
        tickers = self._filter(params)
        if not tickers:
            raise CommandError(14)
        act(sub, tickers, command_id, params)

    def _add_markets(self, sub: Subscription, tickers: list[str], command_id: int | None, params: Json) -> None:
        self._room({sub.channel: len(self._new(sub.channel, tickers))})
        self._merge(sub, tickers, command_id, params)

    def _delete_markets(self, sub: Subscription, tickers: list[str], command_id: int | None, params: Json) -> None:
        known = self._venue.markets if sub.tickers is None else sub.tickers
        sub.tickers = {ticker: None for ticker in known if ticker not in tickers}
        self._ok(sub, command_id, params)

    def _get_snapshot(self, sub: Subscription, tickers: list[str], command_id: int | None, params: Json) -> None:
        """Whole books again; the subscription stays as it is and no `ok` is sent."""
        if sub.channel != ORDERBOOK:
            raise CommandError(13)
        if "market_tickers" not in params:
            raise CommandError(14)
        self._show(sub, tickers, params)

    def _list(self, command_id: int | None, params: Json) -> None:
        rows = [{"channel": sub.channel, "sid": sub.sid} for sub in self._by_channel.values()]
        self._reply({"type": "ok", "msg": rows}, command_id)

    # reading

    def _by_sid(self, sid: Any) -> Subscription:
        for sub in self._by_channel.values():
            if sub.sid == sid and not isinstance(sid, bool):
                return sub
        raise CommandError(7)

    def _filter(self, params: Json) -> list[str] | None:
        """The markets a command names, by ticker or by id; None where it names none."""
        named: list[str] = []
        for one, many, by_id in (("market_ticker", "market_tickers", False), ("market_id", "market_ids", True)):
            rows = params.get(many)
            rows = [] if rows is None else rows
            if not isinstance(rows, list):
                raise CommandError(11)
            rows = [*rows, *([params[one]] if params.get(one) is not None else [])]
            if any(not isinstance(row, str) for row in rows):
                raise CommandError(11)
            named += [self._ticker_of_id(row) for row in rows] if by_id else rows
        unknown = [ticker for ticker in named if ticker not in self._venue.markets]
        if unknown:
            raise CommandError(11, market_tickers=unknown)
        return list(dict.fromkeys(named)) or None

    def _ticker_of_id(self, market_id: str) -> str:
        found = (m.ticker for m in self._venue.markets.values() if m.market_id == market_id)
        return next(found, market_id)


def _command_id(command: Json) -> int | None:
    value = command.get("id")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise CommandError(11)
    return value
