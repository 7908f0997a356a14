"""One connection's conversation with the exchange's stream, without any I/O: frames in, facts and commands out.

It owns the subscriptions (ids, sids, sequence numbers) of one connection and ends with it. A number missing in a
subscription's sequence means that every book of it is suspect: they are reported lost and asked for whole. Facts about
our account carry no sequence number and pass always. Nothing that arrives can raise: it becomes a fact or a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

import msgspec

from core.domain.errors import RefusedInput
from core.domain.events import BookLost, Event, FrameRefused, StreamRefused, StreamSubscribed, TermsChanged
from core.domain.ids import Ticker
from core.domain.text import clean_text
from core.exchange import wire_stream
from core.exchange.orderbook_client import OrderbookClient
from core.exchange.wire_stream import (
    AnyFrame,
    Delta,
    ErrorFrame,
    EventFeeUpdate,
    EventLifecycle,
    FillFrame,
    LifecycleFrame,
    Ok,
    OrderGroupUpdates,
    PositionFrame,
    Snapshot,
    Subscribed,
    TickerFrame,
    TradeFrame,
    UnknownFrame,
    Unsubscribed,
    UserOrderFrame,
)

BOOKS = "orderbook_delta"
LIFECYCLE = "market_lifecycle_v2"
ACCOUNT_CHANNELS = ("fill", "user_orders", "market_positions", "order_group_updates", LIFECYCLE)
MARKET_CHANNELS = (BOOKS, "ticker", "trade")
# Without these there is nothing to trade on; the others are missed, not needed.
REQUIRED = frozenset({"fill", "user_orders", BOOKS})

# "Channel error" and "subscription buffer overflow": the subscription is dead, subscribe again.
TERMINAL = frozenset({10, 25})
DEATHS_MAX = 3
OLD_IN_A_ROW_MAX = 50
OPEN_COMMANDS_MAX = 1_000
MARKETS_A_COMMAND = 500


class _State(Enum):
    IDLE = auto()
    ASKED = auto()
    LIVE = auto()
    ENDING = auto()
    REFUSED = auto()


class _Channel:
    """One channel of this connection: at most one subscription, as the exchange merges further ones."""

    __slots__ = ("deaths", "markets", "name", "old_in_a_row", "seq", "sid", "state")

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = _State.IDLE
        self.sid = 0
        self.seq = 0
        self.markets: set[Ticker] = set()
        self.old_in_a_row = 0
        self.deaths = 0


class _Command(msgspec.Struct, frozen=True):
    """What a command asked, until it is answered."""

    verb: str
    channel: _Channel
    markets: tuple[Ticker, ...] = ()


class StreamSession:
    """State of one connection. `receive` and `watch` are the doors; `take_commands` gives what is to be sent."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.books = OrderbookClient()
        # Set when this connection cannot be mended: the manager makes a new one.
        self.wants_reconnect: str | None = None
        self.frames_old = 0
        self.frames_unknown = 0
        self._channels = {name: _Channel(name) for name in (*ACCOUNT_CHANNELS, *MARKET_CHANNELS)}
        self._by_sid: dict[int, _Channel] = {}
        self._open: dict[int, _Command] = {}
        self._next_id = 1
        self._outbox: list[str] = []
        self._watched: set[Ticker] = set()
        self._left: set[Ticker] = set()
        self._unknown_types: set[str] = set()
        self._opened = False

    # ---- wishes --------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """The connection is there: ask for every channel."""
        self._opened = True
        for name in ACCOUNT_CHANNELS:
            self._subscribe(self._channels[name], ())
        self._follow_watched()

    def watch(self, tickers: Iterable[Ticker]) -> None:
        """The whole set of markets to carry from now on."""
        wanted = set(tickers)
        # Frames already on their way for a market just left are late, not wrong.
        self._left = (self._left | self._watched) - wanted
        self._watched = wanted
        self.books.watch(wanted)
        if self._opened:
            self._follow_watched()

    def refresh(self, tickers: Iterable[Ticker]) -> None:
        """Ask for whole books; until they come no change of them is told."""
        self._ask_books(self.books.lose(tickers))

    def check(self, tickers: Iterable[Ticker]) -> None:
        """Ask for whole books beside which the running ones are held; their changes go on being told."""
        self._ask_books(tuple(sorted(self._watched.intersection(tickers))))

    def ask_again(self) -> None:
        """Ask once more for every book still waiting on a live subscription."""
        channel = self._channels[BOOKS]
        self._ask_books(tuple(sorted(self.books.waiting & channel.markets)))

    def unconfirmed(self) -> tuple[str, ...]:
        """Required channels the exchange has not confirmed."""
        return tuple(
            name
            for name, channel in self._channels.items()
            if name in REQUIRED and channel.state is not _State.LIVE and (name != BOOKS or self._watched)
        )

    def take_commands(self) -> list[str]:
        """Commands to send, in order; taken once."""
        commands, self._outbox = self._outbox, []
        return commands

    @property
    def has_commands(self) -> bool:
        return bool(self._outbox)

    # ---- commands ------------------------------------------------------------------------------------------------

    def _follow_watched(self) -> None:
        for name in MARKET_CHANNELS:
            self._follow(self._channels[name])

    def _follow(self, channel: _Channel) -> None:
        """Bring a market channel nearer to the watched set; while an answer is due, it waits."""
        if channel.name not in MARKET_CHANNELS:
            if channel.state is _State.IDLE:
                self._subscribe(channel, ())
            return
        wanted = self._watched
        if channel.state in (_State.IDLE, _State.REFUSED) and wanted:
            self._subscribe(channel, tuple(sorted(wanted)))
        elif channel.state is _State.LIVE:
            if not wanted:
                # Never an empty filter: on some channels that would mean every market there is.
                channel.state = _State.ENDING
                self._send("unsubscribe", channel, {"sids": [channel.sid]})
                return
            gone, new = channel.markets - wanted, wanted - channel.markets
            channel.markets = set(wanted)
            self._update(channel, "delete_markets", tuple(sorted(gone)))
            self._update(channel, "add_markets", tuple(sorted(new)))

    def _subscribe(self, channel: _Channel, markets: tuple[Ticker, ...]) -> None:
        first = markets[:MARKETS_A_COMMAND]
        channel.state = _State.ASKED
        channel.markets = set(first)
        params: dict[str, object] = {"channels": [channel.name]}
        if first:
            params["market_tickers"] = list(first)
        if channel.name == "ticker":
            params["send_initial_snapshot"] = True
        self._send("subscribe", channel, params, first)

    def _update(self, channel: _Channel, action: str, markets: tuple[Ticker, ...]) -> None:
        for start in range(0, len(markets), MARKETS_A_COMMAND):
            part = markets[start : start + MARKETS_A_COMMAND]
            params: dict[str, object] = {"sids": [channel.sid], "action": action, "market_tickers": list(part)}
            self._send("update_subscription", channel, params, part, verb=action)

    def _ask_books(self, tickers: tuple[Ticker, ...]) -> None:
        channel = self._channels[BOOKS]
        if channel.state is _State.LIVE:
            self._update(channel, "get_snapshot", tickers)

    def _send(
        self,
        cmd: str,
        channel: _Channel,
        params: dict[str, object],
        markets: tuple[Ticker, ...] = (),
        verb: str | None = None,
    ) -> None:
        command_id = self._next_id
        self._next_id += 1
        if len(self._open) >= OPEN_COMMANDS_MAX:
            self._open.pop(next(iter(self._open)))
        self._open[command_id] = _Command(verb or cmd, channel, markets)
        self._outbox.append(msgspec.json.encode({"id": command_id, "cmd": cmd, "params": params}).decode())

    # ---- frames --------------------------------------------------------------------------------------------------

    def receive(self, text: str | bytes) -> list[Event]:
        """Facts of one frame, in order. Never raises."""
        events: list[Event] = []
        decoded: AnyFrame | None = None
        try:
            decoded = wire_stream.frame(text)
            if type(decoded) is Delta:
                self._on_delta(decoded, events)
            else:
                self._on_frame(decoded, events)
        except UnknownFrame as unknown:
            self.frames_unknown += 1
            if unknown.kind not in self._unknown_types and len(self._unknown_types) < 100:
                self._unknown_types.add(unknown.kind)
                events.append(FrameRefused(reason=f"unknown frame type {unknown.kind}"))
        except RefusedInput as refused:
            events.append(FrameRefused(reason=str(refused)))
            if decoded is None and BOOKS in str(text[:80]):
                self._lose_books(self._channels[BOOKS].markets, "a change could not be read", events)
        return events

    def _on_frame(self, decoded: AnyFrame, events: list[Event]) -> None:
        match decoded:
            case Snapshot():
                self._on_snapshot(decoded, events)
            case FillFrame():
                events.append(wire_stream.fill_reported(decoded.msg))
            case UserOrderFrame():
                events.append(wire_stream.order_reported(decoded.msg))
            case PositionFrame():
                events.append(wire_stream.position_reported(decoded.msg))
            case TickerFrame():
                if self._is_watched(decoded.msg.market_ticker):
                    events.append(wire_stream.ticker_changed(decoded.msg))
            case TradeFrame():
                if self._in_sequence(decoded.sid, decoded.seq, events) and self._is_watched(decoded.msg.market_ticker):
                    events.append(wire_stream.trade_printed(decoded.msg))
            case LifecycleFrame():
                if self._in_sequence(decoded.sid, decoded.seq, events):
                    events.append(wire_stream.market_changed(decoded.msg))
            case OrderGroupUpdates():
                triggered = wire_stream.group_triggered(decoded.msg)
                if self._in_sequence(decoded.sid, decoded.seq, events) and triggered is not None:
                    events.append(triggered)
            case EventFeeUpdate():
                if self._in_sequence(decoded.sid, decoded.seq, events):
                    events.append(TermsChanged())
            case EventLifecycle():
                self._in_sequence(decoded.sid, decoded.seq, events)
            case Subscribed():
                self._on_subscribed(decoded, events)
            case Ok():
                self._on_ok(decoded, events)
            case Unsubscribed():
                self._on_unsubscribed(decoded, events)
            case ErrorFrame():
                self._on_error(decoded, events)

    def _is_watched(self, ticker: str) -> bool:
        """False for a market just left; a market never asked for is refused."""
        if ticker in self._watched:
            return True
        if ticker in self._left:
            return False
        raise RefusedInput("market_ticker: not subscribed")

    def _in_sequence(self, sid: int, seq: int, events: list[Event]) -> bool:
        """Count this frame in its subscription; False for one already passed. A hole is reported on the way."""
        channel = self._by_sid.get(sid)
        if channel is None:
            raise RefusedInput("sid: not subscribed")
        if seq == channel.seq + 1:
            channel.seq = seq
            channel.old_in_a_row = 0
            return True
        if seq <= channel.seq:
            self.frames_old += 1
            channel.old_in_a_row += 1
            if channel.old_in_a_row > OLD_IN_A_ROW_MAX:
                self.wants_reconnect = f"sequence of {channel.name} went back"
            return False
        missing = seq - channel.seq - 1
        channel.seq = seq
        channel.old_in_a_row = 0
        self._on_gap(channel, missing, events)
        return True

    def _on_gap(self, channel: _Channel, missing: int, events: list[Event]) -> None:
        reason = f"gap: {missing} frames missing"
        if channel.name == BOOKS:
            self._lose_books(channel.markets, reason, events)
            return
        events.append(FrameRefused(reason=f"{channel.name}: {reason}"))
        if channel.name == LIFECYCLE:
            # A step of a market's life is told once and never again; a new connection makes the engine read.
            self.wants_reconnect = f"gap in {LIFECYCLE}"

    def _lose_books(self, tickers: Iterable[Ticker], reason: str, events: list[Event]) -> None:
        asked, lost = set(self.books.waiting), self.books.lose(tickers)
        if lost:
            events.append(BookLost(tickers=lost, reason=reason))
            # An answer on its way is still good; one that never comes is asked for by time.
            self._ask_books(tuple(ticker for ticker in lost if ticker not in asked))

    def _on_delta(self, delta: Delta, events: list[Event]) -> None:
        channel = self._by_sid.get(delta.sid)
        if channel is not None and delta.seq == channel.seq + 1 and not channel.old_in_a_row:
            # The common case of `_in_sequence`, without the call.
            channel.seq = delta.seq
        elif not self._in_sequence(delta.sid, delta.seq, events):
            return
        ticker = delta.msg.market_ticker
        if ticker not in self._watched and not self._is_watched(ticker):
            return
        try:
            changed = self.books.changed(delta)
        except RefusedInput as refused:
            self._book_refused(Ticker(delta.msg.market_ticker), refused, events)
            return
        if changed is not None:
            events.append(changed)

    def _on_snapshot(self, snapshot: Snapshot, events: list[Event]) -> None:
        in_sequence = self._in_sequence(snapshot.sid, snapshot.seq, events)
        if not in_sequence or not self._is_watched(snapshot.msg.market_ticker):
            return
        try:
            events.append(self.books.replaced(snapshot))
        except RefusedInput as refused:
            self._book_refused(Ticker(snapshot.msg.market_ticker), refused, events)

    def _book_refused(self, ticker: Ticker, refused: RefusedInput, events: list[Event]) -> None:
        """A change that could not be read was a change all the same: the book is lost."""
        events.append(FrameRefused(reason=str(refused)))
        if ticker not in self.books.waiting:
            self._lose_books((ticker,), f"unreadable: {refused}", events)

    # ---- replies -------------------------------------------------------------------------------------------------

    def _on_subscribed(self, reply: Subscribed, events: list[Event]) -> None:
        self._open.pop(reply.id, None)
        channel = self._channels.get(reply.msg.channel)
        if channel is None:
            raise RefusedInput("channel: not asked for")
        if channel.sid != reply.msg.sid or channel.state is not _State.LIVE:
            self._by_sid.pop(channel.sid, None)
            channel.sid, channel.seq = reply.msg.sid, 0
            self._by_sid[channel.sid] = channel
        self._confirmed(channel, events)

    def _confirmed(self, channel: _Channel, events: list[Event]) -> None:
        channel.state = _State.LIVE
        events.append(StreamSubscribed(epoch=self.epoch, channel=channel.name))
        self._follow(channel)

    def _on_ok(self, reply: Ok, events: list[Event]) -> None:
        # An `ok` uses up a number of its subscription; the list of subscriptions has none.
        if reply.sid is not None and reply.seq is not None and reply.sid in self._by_sid:
            self._in_sequence(reply.sid, reply.seq, events)
        command = self._open.pop(reply.id, None)
        if command is None or command.verb != "subscribe" or reply.sid is None:
            return
        # A further subscribe to a channel is answered by `ok` with the sid it already has.
        channel = command.channel
        if reply.sid not in self._by_sid:
            channel.sid, channel.seq = reply.sid, reply.seq or 0
            self._by_sid[channel.sid] = channel
        self._confirmed(channel, events)

    def _on_unsubscribed(self, reply: Unsubscribed, events: list[Event]) -> None:
        command = self._open.pop(reply.id, None)
        channel = self._by_sid.pop(reply.sid, None) if reply.sid is not None else None
        if channel is None and command is not None:
            channel = command.channel
        if channel is None:
            return
        self._ended(channel)
        self._follow(channel)

    def _ended(self, channel: _Channel) -> None:
        self._by_sid.pop(channel.sid, None)
        channel.state = _State.IDLE
        channel.sid = channel.seq = 0
        channel.markets = set()

    def _on_error(self, error: ErrorFrame, events: list[Event]) -> None:
        code = error.msg.code
        events.append(StreamRefused(epoch=self.epoch, code=code, text=clean_text(error.msg.msg)))
        command = self._open.pop(error.id, None) if error.id else None
        channel = self._by_sid.get(error.sid) if error.sid is not None else None
        if channel is not None and code in TERMINAL:
            self._on_death(channel, code, events)
            return
        if channel is not None and error.sid is not None and error.seq is not None:
            self._in_sequence(error.sid, error.seq, events)
        if command is not None:
            named = {Ticker(text) for text in (error.msg.market_tickers or ()) if text}
            if error.msg.market_ticker:
                named.add(Ticker(error.msg.market_ticker))
            self._on_command_refused(command, named)

    def _on_death(self, channel: _Channel, code: int, events: list[Event]) -> None:
        if channel.name == BOOKS:
            lost = self.books.lose(self._watched)
            if lost:
                events.append(BookLost(tickers=lost, reason=f"subscription died, code {code}"))
        self._ended(channel)
        channel.deaths += 1
        if channel.deaths > DEATHS_MAX:
            self.wants_reconnect = f"{channel.name} died {channel.deaths} times"
            return
        self._follow(channel)

    def _on_command_refused(self, command: _Command, named: set[Ticker]) -> None:
        channel = command.channel
        if command.verb == "subscribe":
            self._ended(channel)
            if named & set(command.markets):
                # Only the named markets are not to be had: go on with the others.
                self._watched = self._watched - named
                self.books.watch(self._watched)
                self._follow(channel)
            elif channel.name in REQUIRED:
                channel.state = _State.REFUSED
                self.wants_reconnect = f"subscribe to {channel.name} refused"
            else:
                channel.state = _State.REFUSED
        elif command.verb == "add_markets":
            # Not carried: their books stay waiting, and nobody asks for them before the watched set changes.
            channel.markets -= named or set(command.markets)
