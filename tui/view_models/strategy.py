"""Strategy: whether it is asked and why not, each parameter with its bounds, and the last decisions of all markets."""

from __future__ import annotations

from functools import partial

from core.trading.inquiry import DecisionView, ParameterView, StrategyReport
from tui.view_models.ages import age_text, clock_text, wall_age
from tui.view_models.cells import Cell, Column, Line, Row, columns_for, cut, plain, table_head, table_line
from tui.view_models.listing import Listing
from tui.view_models.look import Look, record_lines, titled, wrapped

PARAMETER = "parameter "  # how keys of parameters begin
HEADING = "last decisions"
FOOT = 3
COLUMNS = (
    Column("PARAMETER", 14, right=False),
    Column("VALUE", 10),
    Column("BOUNDS", 32, right=False, room=70),
    Column("DOES", 0, right=False),
)


def parameter_of(key: str) -> str:
    """The parameter a row is about; "" for another row."""
    return key.removeprefix(PARAMETER) if key.startswith(PARAMETER) else ""


def bounds_text(parameter: ParameterView) -> str:
    return f"{parameter.low} to {parameter.high} {parameter.unit}"


def strategy_listing(look: Look) -> Listing:
    """Switch and counts above, then parameters and decisions as rows."""
    told = look.outside.strategy()
    if told is None:
        return Listing(title=titled("Strategy", look), head=((("the trader is not assembled yet", "warn"),),))
    columns = columns_for(COLUMNS, look.width)
    parameters = {PARAMETER + one.name: one for one in told.parameters}
    decisions = {_decision_key(one): one for one in told.decisions}
    keys = (*parameters, HEADING, *decisions)

    def row(index: int) -> Row:
        key = keys[index]
        if key in parameters:
            return _parameter_row(key, parameters[key], columns)
        return _decision_row(key, decisions[key], look) if key in decisions else _heading(told)

    return Listing(
        title=titled("Strategy", look),
        badge=f"{told.name} {'OFF' if told.off else 'on'}",
        head=(*_head(told, look.width), table_head(columns)),
        keys=keys,
        row=row,
        foot=_foot(parameters.get(look.pick or ""), decisions.get(look.pick or ""), look.width),
        record=partial(_record, parameters, decisions),
    )


def _head(told: StrategyReport, width: int) -> tuple[Line, ...]:
    switch: Line = (("on", "ok"), ("  space switches it off and cancels its orders", "dim"))
    if told.off:
        switch = ((" OFF ", "alarm"), (f" {told.off}; ", "strong"), ("space switches it on", "dim"))
    kept = sum(size for _ticker, size in told.memory)
    memory = f"{kept:,} bytes of {len(told.memory)} markets" if told.memory else "nothing yet"
    held = sum(bool(one.wrong) for one in told.decisions)
    lines: list[Line] = [
        ((f"{told.name:<12}", "strong"), (told.text, "dim")),
        (("switch      ", ""), *switch),
        ((f"decisions   {told.made:,} made, {told.dropped:,} dropped as stale", ""),),
        ((f"memory      {memory}", ""),),
    ]
    if held:
        worst = next(one for one in told.decisions if one.wrong)
        lines.append(
            ((f"held        {held} of the last {len(told.decisions)} for what was seen: {worst.wrong}", "warn"),)
        )
    return (*(cut(line, width) for line in lines), ())


def _heading(told: StrategyReport) -> Row:
    words = "LAST DECISIONS" if told.decisions else "NO DECISION YET"
    return Row(HEADING, ((words, "head"),), words.lower())


def _parameter_row(key: str, one: ParameterView, columns: list[tuple[int, Column]]) -> Row:
    cells: list[Cell] = [(one.name, ""), (one.value, "strong"), (bounds_text(one), "dim"), (one.text, "dim")]
    return Row(key, table_line(columns, cells), f"{one.name} = {one.value} ({bounds_text(one)})")


def _decision_key(one: DecisionView) -> str:
    return f"{one.at} {one.ticker} {one.digest}"


def _outcome(one: DecisionView) -> str:
    wishes = "; ".join(one.wishes)
    return " | ".join(part for part in (one.said, wishes, one.gate and f"held: {one.gate}", one.result) if part)


def _decision_row(key: str, one: DecisionView, look: Look) -> Row:
    age = age_text(wall_age(look.snapshot, look.frame.now_ns, one.at))
    role = "warn" if one.wrong or one.gate else ""
    line: Line = (
        (f"{clock_text(one.at)} {age:>4}  ", "dim"), (f"{one.ticker}  ", ""), (f"{one.digest}  ", "dim"),
        (_outcome(one), role),
    )  # fmt: skip
    return Row(key, line, plain(line))


def _foot(parameter: ParameterView | None, decision: DecisionView | None, width: int) -> tuple[Line, ...]:
    """What the selected row says in full; always as many lines."""
    texts = ["Enter edits a parameter or opens a decision."]
    if parameter is not None:
        texts = [f"{parameter.name}: {parameter.text}", f"{parameter.value}, within {bounds_text(parameter)}"]
    elif decision is not None:
        texts = wrapped(_outcome(decision), width)
    lines: list[Line] = [((text, "dim"),) for text in texts[:FOOT]]
    return (*lines, *((),) * (FOOT - len(lines)))


def _record(parameters: dict[str, ParameterView], decisions: dict[str, DecisionView], key: str) -> tuple[Line, ...]:
    if key in parameters:
        one = parameters[key]
        return record_lines([("parameter", one.name), ("value", one.value), ("bounds", bounds_text(one)),
                             ("does", one.text)])  # fmt: skip
    if key not in decisions:
        return ((("no decision is selected", "dim"),),)
    made = decisions[key]
    return record_lines(
        [
            ("market", made.ticker),
            ("at", f"{clock_text(made.at)}Z"),
            ("digest of the inputs", made.digest or "-"),
            ("the policy said", made.said or "-"),
            ("not trusted", made.wrong or "nothing"),
            ("wishes", "; ".join(made.wishes) or "none"),
            ("gate", made.gate or "passed"),
            ("result", made.result or "not known yet"),
            ("took", f"{made.took_us:,} us"),
        ]
    )
