"""Faults of worlds in the world: contents, exchange, time, process, people, liquidation. Rows D to K."""

from __future__ import annotations

from core.lab.garble import doubled_key, nested, outer, setting, without
from core.lab.steps import (
    POST,
    Named,
    act,
    armed,
    at_odds,
    bring_money,
    broken_disk,
    cancel_all,
    cut,
    flood,
    fraction,
    freeze,
    garbled,
    hit,
    latency,
    liquidate,
    no_latency,
    panic,
    slow_disk,
    stand,
    step_wall,
    storm,
    take_money,
    task_dies,
    thaw,
    trip_group,
    untold,
    usual_disk,
)

IN_THE_WORLD: dict[str, Named] = {  # D. contents
    "D1-no-json": armed("D1", "a frame is no JSON", "I13", "frame_broken", how="cut", times=4, line=False),
    "D8-gap": armed(
        "D8", "a number is missing in the sequence", "I8", "frame_lost", channel="orderbook_delta", times=1, line=False
    ),
    "D14-empty": Named(
        row="D14", about="a book is empty", keeps="I8 I21", begin=(act("empty"),), line=False, low_s=1, high_s=2
    ),
    "D14-one-sided": Named(
        row="D14",
        about="one side is empty",
        keeps="I8 I21",
        begin=(act("one-sided", by=1),),
        end=(act("one-sided", by=0),),
        line=False,
        low_s=5,
        high_s=15,
    ),
    "D17-fees": Named(
        row="D17",
        about="fees change while trading",
        keeps="I3 I5",
        begin=(act("free-fees"),),
        line=False,
        low_s=1,
        high_s=2,
    ),
    # E. the exchange
    "E1-trading-paused": Named(
        row="E1",
        about="trading pause",
        keeps="I9 I10 I16",
        begin=(act("pause-trading", lasts=12),),
        low_s=13,
        high_s=14,
        line=False,
    ),
    "E2-exchange-paused": Named(
        row="E2", about="exchange pause", keeps="I16 I3", begin=(act("pause-exchange", lasts=12),), low_s=13, high_s=14
    ),
    "E3-reopens-far": Named(
        row="E3",
        about="a pause, and a far price after it",
        keeps="I3 I11",
        begin=(act("pause-trading", lasts=8), act("jump", by=1_500)),
        low_s=9,
        high_s=10,
        line=False,
    ),
    "E4-everything-drops": Named(
        row="E4",
        about="maintenance drops every line",
        keeps="I16 I19",
        begin=(act("pause-exchange", lasts=10), cut),
        low_s=11,
        high_s=12,
    ),
    "E5-market-closes": Named(
        row="E5",
        about="a market closes under our orders",
        keeps="I7 I5",
        begin=(act("close"),),
        line=False,
        low_s=1,
        high_s=2,
        late=True,
    ),
    "E5-halt": Named(
        row="E5",
        about="a market is halted and resumed",
        keeps="I7 I16",
        begin=(act("halt", lasts=10),),
        line=False,
        low_s=11,
        high_s=12,
    ),
    "E6-disputed": Named(
        row="E6",
        about="determined, disputed, amended",
        keeps="I5 I7",
        line=False,
        low_s=2,
        high_s=3,
        late=True,
        begin=(act("close"), act("determine"), act("dispute"), act("amend", result="no")),
    ),
    "E7-settled-unheard": Named(
        row="E7",
        about="a settlement while the stream is down",
        keeps="I4 I5",
        low_s=3,
        high_s=4,
        late=True,
        begin=(cut, act("close"), act("determine"), act("settle")),
    ),
    "E9-settled-while-selling": Named(
        row="E9",
        about="a settlement while liquidating",
        keeps="I21 I4",
        line=False,
        low_s=3,
        high_s=4,
        late=True,
        begin=(liquidate, act("close"), act("determine"), act("settle")),
    ),
    "E10-deposit": Named(
        row="E10",
        about="money from outside",
        keeps="I5",
        begin=(act("deposit", by=5_000),),
        line=False,
        low_s=1,
        high_s=2,
    ),
    "E10-withdrawal": Named(
        row="E10",
        about="money to outside",
        keeps="I5",
        begin=(act("deposit", by=-2_500),),
        line=False,
        low_s=1,
        high_s=2,
    ),
    "E11-web-order": Named(
        row="E11",
        about="an order from the web page rests",
        keeps="I22 I4",
        begin=(act("web-order"),),
        line=False,
        low_s=1,
        high_s=2,
    ),
    # F. time
    "F1-wall-forward": Named(
        row="F1",
        about="the wall clock steps an hour ahead",
        keeps="I18 I10",
        begin=(step_wall(3_600),),
        end=(step_wall(-3_600),),
    ),
    "F1-wall-back": Named(
        row="F1",
        about="the wall clock steps an hour back",
        keeps="I18 I10",
        begin=(step_wall(-3_600),),
        end=(step_wall(3_600),),
    ),
    "F3-leap": Named(
        row="F3", about="a leap second", keeps="I18", begin=(step_wall(-1),), line=False, low_s=1, high_s=2
    ),
    "F4-suspended": Named(
        row="F4", about="the machine slept", keeps="I11 I8 I16", begin=(stand(40),), low_s=1, high_s=2
    ),
    "F8-timer-storm": Named(
        row="F8", about="ten thousand timers at once", keeps="I12 I9", begin=(storm,), line=False, low_s=1, high_s=2
    ),
    # G. process and disk
    "G12-sync-fails": Named(
        row="G12",
        about="the disk fails for good",
        keeps="I1 I20",
        begin=(broken_disk,),
        low_s=1,
        high_s=2,
        for_good=True,
        line=False,
    ),
    "G16-slow-disk": Named(
        row="G16", about="a sync takes two seconds", keeps="I12 I9", begin=(slow_disk,), end=(usual_disk,), line=False
    ),
    "G19-stopped": Named(
        row="G19", about="stopped and continued", keeps="I8 I11", begin=(stand(20),), low_s=1, high_s=2
    ),
    "G22-task-dies": Named(
        row="G22", about="a background task dies", keeps="I16 I10", begin=(task_dies,), line=False, low_s=1, high_s=2
    ),
    "G24-loop-blocked": Named(
        row="G24", about="the loop stands for five seconds", keeps="I12 I17", begin=(stand(5),), low_s=1, high_s=2
    ),
    "C15-frozen": Named(
        row="C15",
        about="nothing arrives for a while, then all at once",
        keeps="I8 I12 I16",
        begin=(freeze,),
        end=(thaw,),
        low_s=3,
        high_s=10,
    ),
    # H. people
    "H7-panic": Named(row="H7", about="panic", keeps="I9 I10", begin=(panic,), line=False, low_s=1, high_s=2),
    # J. liquidation
    "J1-nobody-there": Named(
        row="J1",
        about="liquidation with empty books",
        keeps="I21",
        begin=(act("empty"), liquidate),
        line=False,
        low_s=3,
        high_s=5,
    ),
    "J2-bid-collapses": Named(
        row="J2",
        about="the bid goes while selling",
        keeps="I21",
        begin=(liquidate, act("flash", by=-1)),
        line=False,
        low_s=3,
        high_s=5,
    ),
    "J3-exit-rejected": armed(
        "J3", "exits are rejected", "I21 I19", "rejected", liquidate, **POST, times=3, line=False, low_s=4, high_s=8
    ),
    "J4-liquidate": Named(
        row="J4", about="everything is sold", keeps="I21", begin=(liquidate,), line=False, low_s=3, high_s=5
    ),
    "J5-fill-while-selling": Named(
        row="J5", about="a fill while selling", keeps="I21", begin=(hit, liquidate), line=False, low_s=3, high_s=5
    ),
    # K. everywhere
    "K12-latency": Named(
        row="K12",
        about="every byte takes a second or more",
        keeps="all",
        begin=(latency(500, 1_500),),
        end=(no_latency,),
        low_s=5,
        high_s=15,
    ),
    "D2-unknown-type": garbled("D2", "a frame of an unknown type", "I13", "trade", outer(type="surprise"), name="D2"),
    "D3-unknown-word": garbled(
        "D3", "a word nobody knows", "I13 I7", "user_order", setting(status="mystery"), name="D3"
    ),
    "D4-field-missing": garbled(
        "D4", "a field is missing", "I13", "orderbook_delta", without("price_dollars"), name="D4"
    ),
    "D4-null": garbled("D4", "a field is null", "I13", "user_order", setting(order_id=None), name="D4n"),
    "D5-absurd": garbled("D5", "an absurd number", "I13 I12", "orderbook_delta", setting(delta_fp="1e400"), name="D5"),
    "D5-nan": garbled("D5", "not a number", "I13", "fill", setting(count_fp="NaN"), name="D5n"),
    "D6-price": garbled(
        "D6", "a price that cannot be", "I13 I3", "orderbook_delta", setting(price_dollars="1.5000"), name="D6"
    ),
    "D7-nested": garbled("D7", "endless nesting", "I13", "trade", nested, name="D7"),
    "D7-twice": garbled("D7", "a field twice", "I13", "trade", doubled_key, name="D7d"),
    "D9-back": garbled("D9", "the sequence goes back", "I8", "orderbook_delta", outer(seq=1), name="D9"),
    "D11-negative": garbled(
        "D11", "a size becomes negative", "I8", "orderbook_delta", setting(delta_fp="-99999.00"), name="D11", times=1
    ),
    "D12-crossed": garbled(
        "D12",
        "a change crosses the book",
        "I8",
        "orderbook_delta",
        setting(price_dollars="0.9900", delta_fp="5.00", side="yes"),
        name="D12",
        times=1,
    ),
    "D15-not-asked": garbled(
        "D15",
        "a market never asked for",
        "I13 I22",
        "orderbook_delta",
        setting(market_ticker="NOT-ASKED-FOR"),
        name="D15",
    ),
    "D16-words": Named(
        row="D16",
        about="a market's words change",
        keeps="I13 I17",
        begin=(act("words"),),
        line=False,
        low_s=1,
        high_s=2,
    ),
    "D17-grid": Named(
        row="D17",
        about="the tick size changes",
        keeps="I3 I5",
        begin=(act("grid"),),
        end=(act("grid"),),
        line=False,
        low_s=5,
        high_s=20,
    ),
    "F2-drift": Named(
        row="F2",
        about="the clock drifts",
        keeps="I18",
        begin=(step_wall(4),),
        end=(step_wall(-4),),
        line=False,
        low_s=5,
        high_s=20,
    ),
    "F7-server-time": armed(
        "F7", "the exchange's time is a day off", "I18", "clock_skew", skew_ms=86_400_000, hit="seen:key refused"
    ),
    "G13-disk-full": Named(
        row="G13",
        about="the disk is full",
        keeps="I1 I9 I10",
        begin=(broken_disk, cancel_all),
        low_s=1,
        high_s=2,
        for_good=True,
        line=False,
    ),
    "J8-breaker-open": Named(
        row="J8",
        about="selling with the breaker open",
        keeps="I21 I10",
        begin=(trip_group, liquidate),
        line=False,
        low_s=3,
        high_s=5,
    ),
    "K1-just-under": armed(
        "K1", "errors spread over time", "I10", "rejected", **POST, rate=25, line=False, low_s=40, high_s=60
    ),
    "K12-latency-some": Named(
        row="K12",
        about="every byte takes a moment",
        keeps="all",
        begin=(latency(50, 300),),
        end=(no_latency,),
        low_s=20,
        high_s=60,
        line=False,
    ),
    "D10-no-whole-book": Named(
        row="D10",
        about="changes before the whole book",
        keeps="I8",
        begin=(untold("D10", "orderbook_snapshot"), cut),
        end=(lambda stage: stage.garble.end("orderbook_snapshot"),),
        hit="garble:D10",
        low_s=8,
        high_s=15,
    ),
    "D13-wrong-size": garbled(
        "D13", "a change says another size", "I8", "orderbook_delta", setting(delta_fp="3.00"), name="D13", times=5
    ),
    "E8-fraction": Named(
        row="E8",
        about="a market ends between yes and no",
        keeps="I5",
        begin=(fraction,),
        line=False,
        low_s=2,
        high_s=3,
        late=True,
    ),
    "H9-at-odds": Named(
        row="H9", about="two people at odds", keeps="I10", begin=(at_odds,), line=False, low_s=1, high_s=2
    ),
    "J6-flat-meanwhile": Named(
        row="J6",
        about="fills while everything is sold",
        keeps="I21 I3",
        begin=(liquidate, hit, hit),
        line=False,
        low_s=3,
        high_s=5,
    ),
    "J10-no-cash": Named(
        row="J10",
        about="cash is gone and selling cannot bring enough",
        keeps="I16",
        begin=(take_money,),
        end=(bring_money,),
        low_s=15,
        high_s=30,
    ),
    "K4-again-and-again": armed(
        "K4", "the breaker trips as often as it is reset", "I10", "rejected", **POST, line=False, low_s=45, high_s=60
    ),
    "K9-runaway": Named(
        row="K9", about="two hundred wishes at once", keeps="I3 I19 I10", begin=(flood,), line=False, low_s=1, high_s=2
    ),
}
