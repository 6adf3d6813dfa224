"""The counting kernels against dense products."""

import numpy as np
import pytest

from analysis.cooccurrence import counting
from analysis.cooccurrence.counting import Layout, count_few, count_many, joint_counts
from analysis.runtime.arrays import Bools
from tests.analysis.cooccurrence.dense import incidence_of


def layout_of(bits: Bools) -> Layout:
    made = incidence_of(bits)
    return Layout(made.units, made.latent_ends, made.ranks, made.unit_ends)


def working_space(latents: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(latents, dtype=np.uint32), np.full(latents + 1, 999, dtype=np.uint32)


@pytest.mark.parametrize("count", [count_few, count_many, None])
@pytest.mark.parametrize("density", [0.02, 0.3])
def test_counts_of_each_latent_equal_the_dense_product(count: object, density: float) -> None:
    bits = np.random.default_rng(0).random((300, 40)) < density
    bits[:, 7] = False
    layout, made = layout_of(bits), incidence_of(bits)
    gram = bits.T.astype(int) @ bits.astype(int)
    for latent in range(40):
        row, met = working_space(40)
        end = int(layout.latent_ends[latent + 1])
        if count is None:
            found = joint_counts(layout, latent, end, row, met)
        else:
            begin = int(layout.latent_ends[latent])
            found = count(layout, begin, end, end, row, met)  # type: ignore[operator]
        assert np.array_equal(row[made.rank_of_latent], gram[latent])
        listed = made.latent_of_rank[met[:found]]
        assert sorted(listed.tolist()) == np.flatnonzero(gram[latent]).tolist()


def test_a_latent_on_every_unit_meets_every_other() -> None:
    bits = np.ones((5, 3), dtype=bool)
    row, met = working_space(3)
    found = joint_counts(layout_of(bits), 1, 15, row, met)
    assert row.tolist() == [5, 5, 5] and sorted(met[:found].tolist()) == [0, 1, 2]


def test_units_with_more_latents_than_a_cache_line_are_counted_whole() -> None:
    latents = 3 * counting.LINE_BYTES
    bits = np.ones((40, latents), dtype=bool)
    bits[::2, 1:] = False
    row, met = working_space(latents)
    joint_counts(layout_of(bits), 0, 40, row, met)
    assert sorted(row.tolist()) == [20] * (latents - 1) + [40]
