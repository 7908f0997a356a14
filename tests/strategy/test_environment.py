"""The Gymnasium environment: it passes Gymnasium's own checker, repeats itself, and pays what the account earned."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium", reason="needs the extra learn")

from gymnasium.utils.env_checker import check_env  # noqa: E402

from core.domain.amounts import MONEY_SCALE  # noqa: E402
from core.lab.market_env import TradingEnvironment, make_vector  # noqa: E402
from core.mind.observation import SIZE  # noqa: E402


def test_gymnasiums_own_checker_passes() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        check_env(TradingEnvironment(seconds=5), skip_render_check=True)
    serious = [str(w.message) for w in told if "spec" not in str(w.message)]
    assert not serious


@pytest.mark.parametrize("light", [False, True])
def test_the_rewards_add_up_to_what_the_account_earned_and_repeat(light: bool) -> None:
    def run() -> tuple[float, bytes]:
        env = TradingEnvironment(seconds=30, light=light)
        vector, _ = env.reset(seed=11)
        vectors, total, over, n = [vector.tobytes()], 0.0, False, 0
        while not over:
            vector, reward, ended, over, info = env.step(n % 21)
            vectors.append(vector.tobytes())
            total, n = total + reward, n + 1
            assert not ended
        assert n == 30
        assert info["fills"] > 0
        assert env._arena is not None
        assert total == pytest.approx((env._arena.worth() - env._arena.terms.balance) / MONEY_SCALE)
        return total, b"".join(vectors)

    assert run() == run()


@pytest.mark.wide
def test_environments_run_in_processes_of_their_own() -> None:
    env = make_vector(2, seconds=5)
    try:
        vectors, _ = env.reset(seed=3)
        assert vectors.shape == (2, SIZE)
        vectors, rewards, _, _, _ = env.step(np.array([0, 1]))
        assert rewards.shape == (2,)
        assert not np.array_equal(vectors[0], vectors[1])
    finally:
        env.close()
