"""A market's price grid: bands of prices, each with its own step. $0 and $1 are never valid order prices.

The exchange's `price_ranges` is the truth. Rounding goes to a valid price on the safe side the caller names.
"""

from __future__ import annotations

from core.domain.amounts import PRICE_SCALE, Price
from core.domain.market import PriceBand

CENT = PriceBand(start=Price(0), end=Price(PRICE_SCALE), step=Price(100))


class PriceGrid:
    """Valid prices of one market, strictly between 0 and 1 dollar."""

    __slots__ = ("bands",)

    def __init__(self, bands: tuple[PriceBand, ...]) -> None:
        self.bands = tuple(sorted(bands, key=lambda band: band.start)) or (CENT,)

    def is_valid(self, price: Price) -> bool:
        if not 0 < price < PRICE_SCALE:
            return False
        return any(b.start <= price <= b.end and (price - b.start) % b.step == 0 for b in self.bands)

    def floor(self, price: int) -> Price | None:
        """The highest valid price at or below `price`; None below the lowest."""
        best: int | None = None
        for band in self.bands:
            top = min(price, band.end, PRICE_SCALE - 1)
            if top < band.start:
                continue
            found = band.start + (top - band.start) // band.step * band.step
            if found > 0 and (best is None or found > best):
                best = found
        return None if best is None else Price(best)

    def ceil(self, price: int) -> Price | None:
        """The lowest valid price at or above `price`; None above the highest."""
        best: int | None = None
        for band in self.bands:
            low = max(price, band.start, 1)
            if low > band.end:
                continue
            found = band.start - (band.start - low) // band.step * band.step
            if found < PRICE_SCALE and found <= band.end and (best is None or found < best):
                best = found
        return None if best is None else Price(best)

    def up(self, price: Price) -> Price | None:
        """The next valid price above."""
        return self.ceil(price + 1)

    def down(self, price: Price) -> Price | None:
        """The next valid price below."""
        return self.floor(price - 1)
