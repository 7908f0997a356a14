"""Quick draws are the library's own: the same numbers from the same seed, whatever Python this is."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from core.sim.chance import below, between, pick

limits = st.lists(st.integers(1, 10**7), min_size=1, max_size=50)


@given(st.integers(), limits)
def test_quick_draws_are_those_of_the_library(seed: int, limits: list[int]) -> None:
    quick, plain = Random(seed), Random(seed)
    for limit in limits:
        assert below(quick, limit) == plain.randrange(limit)
        assert between(quick, -limit, limit) == plain.randint(-limit, limit)
        assert pick(quick, "abcdefg") == plain.choice("abcdefg")
    assert quick.getstate() == plain.getstate()
