"""The hash against the published generator in Python integers."""

import numpy as np

from analysis.runtime.hashing import GOLDEN_GAMMA, mixed


def splitmix64(seed: int, draws: int) -> list[int]:
    """SplitMix64 as Steele, Lea and Flood 2014 print it, in integers of any size."""
    mask, state, drawn = 2**64 - 1, seed, []
    for _ in range(draws):
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        drawn.append(z ^ (z >> 31))
    return drawn


def test_hashes_of_the_states_are_the_draws_of_the_generator() -> None:
    states = np.arange(1, 6, dtype=np.uint64) * np.uint64(GOLDEN_GAMMA)
    assert mixed(states).tolist() == splitmix64(0, 5)


def test_published_values_of_seed_1234567() -> None:
    """The values that the reference implementation prints for this seed."""
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert splitmix64(1234567, 3) == published
