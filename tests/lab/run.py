"""A run told to the auditor in plain bytes and facts, sound unless a test breaks it."""

from __future__ import annotations

import json
from typing import Any

from core.domain.records import (
    BreakerMoved,
    CommandTaken,
    FillBooked,
    OrderIntended,
    OrderMoved,
    Record,
    StateMoved,
)
from core.journal.frames import encode_frame
from core.lab.audit.auditor import Auditor
from core.lab.audit.claims import Claim, Ending
from core.lab.audit.ledger import Order
from core.lab.audit.rules import NS, Rules

CASH = 1_000_000_000
T = "M-1"
STREAM, REST = 1, 2
WALL_NS = 1_767_625_200 * NS


class Run:
    """Connected, compared and READY from the beginning."""

    def __init__(self, **rules: Any) -> None:
        self.auditor = Auditor(Rules(**rules), CASH)
        self.now_ns = 1_000 * NS
        self.position = 0
        self._seq = 0
        self.pass_by(0)
        self.auditor.begun_ns = self.now_ns
        self.auditor.opened(STREAM)
        self.sent(STREAM, "GET", "/trade-api/ws/v2")
        self.received(STREAM, 101)
        self.auditor.opened(REST)
        for path in ("/portfolio/orders", "/portfolio/positions"):
            self.call("GET", path, status=200, reply={})
        for source, target in (("STARTUP", "IDLE"), ("IDLE", "INITIALIZING"), ("INITIALIZING", "ORDERBOOK_CONNECT"),
                               ("ORDERBOOK_CONNECT", "TRADING_CLIENT_CONNECT"),
                               ("TRADING_CLIENT_CONNECT", "CALIBRATING"), ("CALIBRATING", "READY")):  # fmt: skip
            self.move(source, target)
        self.book()

    # ---- time and bytes --------------------------------------------------------------------------------------------

    def pass_by(self, seconds: float) -> None:
        self.now_ns += round(seconds * NS)
        self.auditor.at(self.now_ns, WALL_NS + self.now_ns)

    def sent(self, line: int, method: str, path: str, body: Any = None, stamp_ms: int = 0) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        stamp = (WALL_NS + self.now_ns) // 1_000_000 + stamp_ms
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nKALSHI-ACCESS-TIMESTAMP: {stamp}\r\n"
        self.auditor.sent(line, f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)

    def received(self, line: int, status: int, body: Any = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.auditor.received(line, f"HTTP/1.1 {status} x\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)

    def call(self, method: str, path: str, body: Any = None, *, status: int, reply: Any = None) -> None:
        self.sent(REST, method, f"/trade-api/v2{path}", body)
        self.received(REST, status, reply)

    def frame(self, frame: Any) -> None:
        data = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
        size = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
        self.auditor.received(STREAM, b"\x81" + size + data)

    def asks(self, ticker: str) -> None:
        """The trader asks for a whole book: a masked frame, in two pieces."""
        command = {"id": 9, "cmd": "update_subscription", "params": {"market_tickers": [ticker]}}
        data = json.dumps(command).encode()
        mask = b"\x11\x22\x33\x44"
        head = bytes([0x81]) + (
            bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + len(data).to_bytes(2, "big")
        )
        frame = head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
        self.auditor.sent(STREAM, frame[:9])
        self.auditor.sent(STREAM, frame[9:])

    def book(self, *, skip: int = 0, bid: str = "0.4500", delta: str = "") -> None:
        """A whole book, or with `delta` a change of its bid side."""
        self._seq += 1 + skip
        message: dict[str, Any] = {"market_ticker": T}
        if delta:
            message |= {"price_dollars": bid, "delta_fp": delta, "side": "yes"}
        else:
            message |= {"yes_dollars_fp": [[bid, "10.00"]], "no_dollars_fp": [["0.5300", "10.00"]]}
        kind = "orderbook_delta" if delta else "orderbook_snapshot"
        self.frame({"type": kind, "sid": 3, "seq": self._seq, "msg": message})

    # ---- journal ---------------------------------------------------------------------------------------------------

    def record(self, record: Record, *, synced: bool = True) -> None:
        self.position += 1
        self.auditor.journaled(encode_frame(self.position, record))
        if synced:
            self.auditor.synced(self.position)

    def move(self, source: str, target: str, reason: str = "because") -> None:
        self.record(StateMoved(at=1, source=source, target=target, reason=reason))  # type: ignore[arg-type]

    def intend(self, name: str, *, synced: bool = True, count: int = 500, side: str = "bid", price: int = 4_500,
               origin: str = "strategy") -> None:  # fmt: skip
        self.record(
            OrderIntended(
                at=1, client_order_id=name, ticker=T, side=side, price=price, count=count,  # type: ignore[arg-type]
                time_in_force="good_till_canceled", expiration_s=None, origin=origin,  # type: ignore[arg-type]
            ),
            synced=synced,
        )  # fmt: skip

    def state(self, name: str, state: str, filled: int = 0) -> None:
        self.record(
            OrderMoved(at=1, client_order_id=name, order_id=None, state=state, filled=filled, reason="x")  # type: ignore[arg-type]
        )

    def booked(self, trade: str, order: str, *, count: int = 100, position: int = 100) -> None:
        self.record(
            FillBooked(
                at=1, trade_id=trade, order_id=order, ticker=T, side="bid", price=4_500,  # type: ignore[arg-type]
                count=count, fee=0, position=position,  # type: ignore[arg-type]
            )
        )  # fmt: skip

    def wished(self, name: str, detail: str = "") -> None:
        """A person's wish was taken."""
        self.record(CommandTaken(at=1, name=name, origin="operator", detail=detail))

    def breaker(self, tripped: bool) -> None:
        self.record(BreakerMoved(at=1, tripped=tripped, reason="x", value="5", limit="5"))

    # ---- orders ----------------------------------------------------------------------------------------------------

    def send(self, name: str, *, status: int = 201, lease_s: int = 60, **more: Any) -> None:
        """The request of an order with a reply."""
        ends = (WALL_NS + self.now_ns) // NS + lease_s
        body = {"client_order_id": name, "ticker": T, "time_in_force": "good_till_canceled", "expiration_time": ends}
        reply = {"order_id": name, "fill_count": "0.00"} if status == 201 else {"error": {"code": "invalid_order"}}
        self.call("POST", "/portfolio/events/orders", body | more, status=status, reply=reply)

    def exists(
        self, name: str, *, order_id: str = "", status: str = "resting", count: int = 500, filled: int = 0
    ) -> None:
        """The exchange's truth about an order."""
        left = count - filled if status == "resting" else 0
        self.auditor.order(Order(order_id or name, name, T, "bid", 4_500, count, left, filled, status, self.now_ns))

    def order(self, name: str, **more: Any) -> None:
        """An order as it should be: intended, on disk, sent, resting."""
        self.intend(name, **more)
        self.send(name)
        self.exists(name)
        self.state(name, "RESTING")

    def fill(self, trade: str, order: str, count: int = 100) -> None:
        self.auditor.ledger.fill(trade, order, T, "bid", 4_500, count, 0, self.now_ns)

    # ---- looks -----------------------------------------------------------------------------------------------------

    def claim(self, **changes: Any) -> Claim:
        ledger = self.auditor.ledger
        values: dict[str, Any] = {
            "taken_ns": self.now_ns,
            "state": "READY",
            "reason": "calibrated",
            "permission": 3,
            "permission_reason": "",
            "tripped": False,
            "breaker_reason": "",
            "cash": ledger.cash,
            "positions": dict(ledger.positions),
            "orders": {o.client_id: ("RESTING", "own", o.remaining) for o in ledger.own_resting()},
            "books": {T: (True, 4_500, 4_700)},
            "quoted": (T,),
            "pending": (),
            "foreign": len(ledger.foreign_resting()),
            "internal": (),
        }
        return Claim(**(values | changes))

    def look(self, seconds: int = 1, **changes: Any) -> None:
        """Look once a second for so long, while the exchange keeps talking."""
        for _ in range(seconds):
            self.pass_by(1)
            self.frame({"type": "ticker", "msg": {}})
            self.auditor.claims.look(self.claim(**changes))

    def end(self, *, read: bool = True, **changes: Any) -> None:
        ledger = self.auditor.ledger
        if read:
            self.call("GET", "/portfolio/orders", status=200, reply={})
        values: dict[str, Any] = {"code": 0, "resting": 0, "cash": ledger.cash, "positions": dict(ledger.positions),
                                  "conservation": "", "replayed": ("a", "a"), "exchange_cash": ledger.cash}  # fmt: skip
        self.auditor.claims.end(Ending(**(values | changes)))

    @property
    def found(self) -> set[str]:
        """The invariants that were violated."""
        return {key.split()[0] for key in self.auditor.violations}
