"""The fault table: what can go wrong between a trader and its exchange, and what the trader then has to do.

A REST requests, B races of orders and fills, C the stream's line, D what is said on it. Every row has a test that plays
the fault and proves that it struck; `apart` names the reason of a row that this core cannot meet.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`keeps` are the rules under test, by the numbers of the table of invariants in ARCHITECTURE.md."""

    fault: str
    expected: str
    keeps: str
    apart: str = ""


ROWS: dict[str, Row] = {
    "A1": Row("the port refuses", "known as never sent; reads and stream come back by themselves", "2"),
    "A2": Row("the host's name is not found for minutes", "like a refused port; no error of ours, no breaker", "2 10"),
    "A3": Row("the server's certificate is not trusted", "the start is refused, once and plainly; no plain text", "12"),
    "A4": Row("the way out is full", "an order that waited too long is not sent; a cancel passes it", "1 9"),
    "A5": Row("the line breaks inside a request", "in doubt, counted at its worst, looked up", "2 3"),
    "A6": Row("the line breaks before the exchange acts", "in doubt, then void by look-up; sent once", "2"),
    "A7": Row("done, and the reply is lost", "found by stream or look-up; one order", "2 6"),
    "A8": Row("filled at once, and the reply is lost", "the fill settles it; nothing is sent again", "2 6"),
    "A9": Row("processed long after we gave up", "held as in doubt until it shows; one order", "2 3"),
    "A10": Row("processed after its own expiry", "counted until the exchange is asked; nothing rests", "3"),
    "A11": Row("success told after our patience ended", "one order, its state from stream and look-up", "2 7"),
    "A12": Row("5xx or 408", "unknown, whether it was done or not", "2"),
    "A13": Row("400 with a code", "a rejection, counted as error, not sent again", "7 10"),
    "A14": Row("signatures out of time", "signed once more for reads, then a halt that says why", "10"),
    "A15": Row(
        "the key is revoked while trading", "halt at once; told that cancels may fail and leases end orders", "10 11"
    ),
    "A16": Row("409: this client id exists", "proof that it landed: looked up and adopted", "2"),
    "A17": Row("409 for another reason", "by its code: rejected, or the cancel is tried again", "7"),
    "A18": Row("one 429", "new orders wait, cancels do not; no error of ours", "9"),
    "A19": Row("429 for long", "orders stop, cancels go on, breaker stays closed, recovers alone", "9 10"),
    "A20": Row("a retry-after that is nonsense", "no harm, no endless wait", "9"),
    "A21": Row("success with an empty, cut or HTML body", "unknown for writes, counted", "2"),
    "A22": Row("success with a field missing", "the order is known to exist; a look-up tells the rest", "2"),
    "A23": Row("a redirect to another host", "not followed, nothing signed for it, unknown for writes", "12"),
    "A24": Row("endless, huge or packed replies", "cut off by size; unknown for writes", "2"),
    "A25": Row("a kept connection closes under a write", "no silent second sending", "2"),
    "A26": Row("a batch reply out of order or with holes", "matched by client id; what is left out is in doubt", "2"),
    "A27": Row("a list's cursor runs in a circle", "the read fails, nothing is believed absent", "4"),
    "A28": Row("lists lag the writes by seconds", "no order is given up, no false drift", "4"),
    "A29": Row("an old balance is served", "no alarm before the same difference was read again and again", "4 5"),
    "B1": Row("the fill comes before the reply", "taken by its client id, the reply merges", "6"),
    "B2": Row("the fill comes in the reply and on the stream", "counted once", "6"),
    "B3": Row("a fill comes twice", "counted once", "6"),
    "B4": Row("a fill comes again with other contents", "alarm, comparison at once, nothing booked", "6"),
    "B5": Row("fills out of order", "the same books", "6"),
    "B6": Row("a part fills while the cancel flies", "the part is kept, the rest is gone", "7"),
    "B7": Row("all fills while the cancel flies", "no error; a look-up says filled", "7"),
    "B8": Row("the cancel's reply is lost", "exposure until proven; asked again", "3 9"),
    "B9": Row("the fill comes after the cancel", "booked to the ended order", "6 7"),
    "B10": Row("the amend's reply is lost", "both sizes counted until the exchange tells", "3"),
    "B11": Row("a fill of an order never seen", "booked, told as foreign", "4 6"),
    "B12": Row("a fill is lost on a healthy stream", "found by reading within its bound", "4 6"),
    "B13": Row("a trade is taken back", "our books follow by a record; the breaker asks a person", "5 7"),
    "B14": Row("self-trade prevention ends our order", "ended, with a record", "7"),
    "B15": Row("our order group trips", "all members ended, breaker tripped, no reset by itself", "10"),
    "B16": Row("post-only is refused again and again", "the book is suspect, orders pause", "8 10"),
    "B17": Row("operator and strategy wish at the same moment", "one ledger: no limit is passed", "3"),
    "B18": Row("the same news twice", "no second order", "2"),
    "C1": Row("the stream closes", "books lost, compared before trading goes on", "4 8"),
    "C2": Row("the stream is reset", "books lost, compared before trading goes on", "4 8"),
    "C3": Row("the line is dead and says nothing", "noticed by silence, connected anew", "8"),
    "C4": Row("one channel is silent, pings go on", "its books are asked for, and lost without an answer", "8"),
    "C5": Row("frames lag more and more", "late books are not traded on", "8"),
    "C6": Row("a frame is lost", "a gap: whole books, nothing traded on a wrong one", "6 8"),
    "C7": Row("frames come twice", "no difference", "6 8"),
    "C8": Row("frames change places", "whole books, nothing traded on a wrong one", "8"),
    "C9": Row("bytes come in any slices", "exactly the same session", "6 8"),
    "C10": Row("closed right after it opened", "back-off grows, no storm", "4"),
    "C11": Row("no connection for long", "tries stay few, then trading goes on", "4"),
    "C12": Row("connected, but a subscription fails", "not ready before every needed channel is there", "4 8"),
    "C13": Row("frames of the old line after the new one", "never heard", "6 8"),
    "C14": Row("two lines at once", "one stays; their number does not grow", "6"),
    "C15": Row("our side stands still for half a minute", "catches up or connects anew; no fill lost", "6 8"),
    "C16": Row("a burst of changes", "all taken, fills and cancels among them", "6 9"),
    "C17": Row("an enormous frame", "cut by size, connected anew", "8"),
    "C18": Row("no UTF-8, binary frames", "the line ends, is counted, comes back", "8"),
    "D1": Row("a frame is no JSON", "refused, counted; many of them trip the breaker", "8 10"),
    "D2": Row("a frame of unknown type", "passed over, told once", "8"),
    "D3": Row("a word nobody knows where a status stands", "kept as unknown; such a market is not traded", "7 8"),
    "D4": Row("fields missing, null, more, or of another type", "refused where needed, else passed over", "6 8"),
    "D5": Row("absurd numbers", "refused by their text", "5 8"),
    "D6": Row("prices that cannot be", "refused", "3 8"),
    "D7": Row("a field twice, endless nesting", "refused", "6 8"),
    "D8": Row("a number missing in the sequence", "the market is closed until its book came whole", "8"),
    "D9": Row("the sequence goes back", "old frames are dropped; a restart ends the line", "8"),
    "D10": Row("changes before the whole book", "not told; the book is asked for", "8"),
    "D11": Row("a change makes a size negative", "the book is lost and asked for", "8"),
    "D12": Row("a change crosses the book", "the book is lost and asked for", "8"),
    "D13": Row("our book is wrong and nothing says so", "the next whole book wins", "8"),
    "D14": Row("a side, or the book, is empty", "a book all the same: no price is invented", "8"),
    "D15": Row("frames of markets never asked for", "refused, counted", "8"),
    "D16": Row("hostile text", "clean and short everywhere it is shown", "12"),
    "D17": Row("tick size or fees change while trading", "read anew; no order off the new grid", "3 5"),
}
