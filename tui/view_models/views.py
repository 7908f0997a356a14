"""Every screen beside the desk by name: what it shows and what can be chosen on it."""

from __future__ import annotations

from tui.view_models.activity import KINDS, activity_listing
from tui.view_models.browser import MARKET_FILTERS, MARKET_SORTS, markets_listing
from tui.view_models.fault_rows import lab_listing
from tui.view_models.health import health_listing
from tui.view_models.look import View
from tui.view_models.order_list import ORDER_FILTERS, ORDER_SORTS, orders_listing
from tui.view_models.pnl import pnl_listing
from tui.view_models.position_list import POSITION_SORTS, positions_listing
from tui.view_models.risk import risk_listing
from tui.view_models.strategy import strategy_listing

VIEWS = {
    view.name: view
    for view in (
        View("markets", markets_listing, filters=MARKET_FILTERS, sorts=MARKET_SORTS),
        View("orders", orders_listing, filters=ORDER_FILTERS, sorts=ORDER_SORTS),
        View("positions", positions_listing, sorts=POSITION_SORTS),
        View("pnl", pnl_listing),
        View("activity", activity_listing, filters=KINDS, follows=True),
        View("risk", risk_listing),
        View("strategy", strategy_listing, tells_pick=True),
        View("health", health_listing),
        View("lab", lab_listing, tells_pick=True),
    )
}
