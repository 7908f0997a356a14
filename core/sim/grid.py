"""Price grids of the exchange: named structures of bands, each with its step, in ten-thousandths of a dollar.

`price_ranges` is what clients must read; the name is only a hint. Bands share their boundary price, and $0 and $1 are
never valid order prices. Steps divide a whole cent, so whole cents are valid in every structure.
"""

from __future__ import annotations

import msgspec

from core.domain.amounts import PRICE_SCALE, Price

EDGE = 1_000  # $0.10; bands are symmetric around $0.50
DEEP_EDGE = 100


class Band(msgspec.Struct, frozen=True):
    start: int
    end: int
    step: int


def _flat(step: int) -> tuple[Band, ...]:
    return (Band(0, PRICE_SCALE, step),)


def _edged(edge_step: int, centre_step: int, edge: int = EDGE) -> tuple[Band, ...]:
    top = PRICE_SCALE - edge
    return (Band(0, edge, edge_step), Band(edge, top, centre_step), Band(top, PRICE_SCALE, edge_step))


STRUCTURES: dict[str, tuple[Band, ...]] = {
    "linear_cent": _flat(100),
    "deci_cent": _flat(10),
    "tapered_deci_cent": _edged(10, 100),
    "center_whole_edge_half_cent": _edged(50, 100),
    "center_whole_edge_quint_cent": _edged(20, 100),
    "center_half_edge_half_cent": _flat(50),
    "center_half_edge_quint_cent": _edged(20, 50),
    "center_half_edge_deci_cent": _edged(10, 50),
    "center_quint_edge_quint_cent": _flat(20),
    "center_quint_edge_deci_cent": _edged(10, 20),
    "center_centi_edge_centi_cent": _flat(1),
    "center_deci_edge_centi_cent": _edged(1, 10, DEEP_EDGE),
}


def _prices(bands: tuple[Band, ...]) -> frozenset[int]:
    return frozenset(p for band in bands for p in range(band.start, band.end + 1, band.step) if 0 < p < PRICE_SCALE)


# Every price an order may carry, by structure.
VALID = {name: _prices(bands) for name, bands in STRUCTURES.items()}
# The same in order, to walk along: neighbours are what `tick_above` and `tick_below` say.
GRID = {name: tuple(Price(price) for price in sorted(prices)) for name, prices in VALID.items()}


def on_grid(bands: tuple[Band, ...], price: int) -> bool:
    """Whether an order may carry this price."""
    if not 0 < price < PRICE_SCALE:
        return False
    return any(band.start <= price <= band.end and (price - band.start) % band.step == 0 for band in bands)


def tick_above(bands: tuple[Band, ...], price: int) -> Price | None:
    """The nearest valid price above, or None at the top."""
    for band in bands:
        if price < band.end:
            up = max(band.start, price - (price - band.start) % band.step + band.step)
            return Price(up) if up < PRICE_SCALE else None
    return None


def tick_below(bands: tuple[Band, ...], price: int) -> Price | None:
    """The nearest valid price below, or None at the bottom."""
    for band in reversed(bands):
        if price > band.start:
            steps = (min(price, band.end) - band.start - (1 if price <= band.end else 0)) // band.step
            down = band.start + steps * band.step
            return Price(down) if down > 0 else None
    return None


def at_or_below(bands: tuple[Band, ...], price: int) -> Price | None:
    """The price itself if valid, else the nearest valid one below."""
    return Price(price) if on_grid(bands, price) else tick_below(bands, price)


def at_or_above(bands: tuple[Band, ...], price: int) -> Price | None:
    """The price itself if valid, else the nearest valid one above."""
    return Price(price) if on_grid(bands, price) else tick_above(bands, price)
