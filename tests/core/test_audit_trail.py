"""Who wished for what and when is kept before anything comes of it, refused or not."""

import pytest

from core.domain import commands as cm
from core.domain.amounts import contracts
from core.domain.enums import BookSide, Origin
from core.domain.ids import Ticker
from core.domain.records import CommandTaken
from tests.core.builders import WALL, Bench

WISHES = [
    (cm.Pause(reason="lunch"), "reason=lunch"),
    (cm.Resume(), ""),
    (cm.ResetBreaker(reason="looked\x1b[2J into it"), "reason=looked into it"),
    (cm.SetParameter(name="edge", value="0.01"), "name=edge value=0.01"),
    (cm.SwitchStrategy(on=True), "on=True"),
    (cm.PlaceOrder(ticker=Ticker("KX-X"), side=BookSide.BID, count=contracts(3)), "ticker=KX-X side=bid count=300"),
    (cm.Panic(), ""),
]


@pytest.mark.parametrize("origin", [o for o in Origin if o is not Origin.STRATEGY])
@pytest.mark.parametrize(("wish", "words"), WISHES, ids=lambda w: type(w).__name__)
def test_a_wish_is_kept_with_its_origin_its_time_and_its_words(wish: cm.Command, words: str, origin: Origin) -> None:
    bench = Bench().up()
    before = len(bench.records)
    bench.step(type(wish)(**{f: getattr(wish, f) for f in wish.__struct_fields__} | {"origin": origin}))
    first = bench.records[before]
    assert isinstance(first, CommandTaken)
    assert (first.name, first.origin) == (type(wish).__name__, origin.value) and first.at >= WALL
    assert first.detail.startswith(words) and bool(first.detail) is bool(words)
