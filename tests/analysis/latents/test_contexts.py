"""Contexts are picked correctly, independently of the order of work."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.bundle import KeptTokens, LatentBlock, Parameters
from analysis.latents import contexts
from analysis.latents.contexts import write_contexts
from tests.analysis.conftest import Stored

PARAMETERS = Parameters(context_tokens=11, contexts_per_kind=5, seed=7)
Row = dict[str, object]


@pytest.fixture(scope="module")
def written(stored: Stored) -> list[dict[str, Any]]:
    write(stored)
    return pq.read_table(stored.tables / "contexts.parquet").to_pylist()


def write(stored: Stored, **settings: Any) -> bytes:
    write_contexts(
        stored.activations, stored.kept, stored.tables, parameters=PARAMETERS, **settings
    )
    return (stored.tables / "contexts.parquet").read_bytes()


def test_every_context_is_an_active_token_of_its_document(
    stored: Stored, written: list[dict[str, Any]]
) -> None:
    assert list(written[0]) == ["latent", "kind", "activation", "document", "position"]
    for row in written:
        value = stored.values[row["document"] * 333 + row["position"], row["latent"]]
        assert row["activation"] == value > 0


def test_top_windows_are_the_largest_that_do_not_overlap(
    stored: Stored, written: list[dict[str, Any]]
) -> None:
    for latent in (0, 9, 165, 199):
        values = stored.values[:, latent]
        order = np.lexsort((np.arange(len(values)), -values))
        chosen: list[int] = []
        for row in order[: (values > 0).sum()]:
            if all(abs(row - c) >= 11 or row // 333 != c // 333 for c in chosen):
                chosen.append(int(row))
            if len(chosen) == 5:
                break
        assert places(written, latent, "top") == chosen


def test_top_windows_may_touch() -> None:
    # Windows of 11 tokens around rows 10 and 21 are rows 5 to 15 and 16 to 26. Row 31 overlaps the
    # second, row 32 does not. Row 50 begins another document, so its window has no row of 49's.
    tokens = np.array([10, 21, 31, 32, 49, 50], dtype=np.uint32)
    values = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0], dtype=np.float32)
    block = LatentBlock(np.array([0]), np.array([len(tokens)]), tokens, values)
    kept = KeptTokens.of(np.repeat([0, 1], 50), np.ones(100, dtype=np.bool_))
    picks = contexts._picks(block, kept, PARAMETERS)
    assert tokens[picks.place[picks.kind == 0]].tolist() == [10, 21, 32, 49, 50]


def test_of_equal_activations_the_earliest_is_the_first_top_context() -> None:
    tokens = np.array([3, 20, 40, 60, 80, 95], dtype=np.uint32)
    values = np.array([2.0, 5.0, 2.0, 5.0, 2.0, 2.0], dtype=np.float32)
    block = LatentBlock(np.array([0]), np.array([len(tokens)]), tokens, values)
    kept = KeptTokens.of(np.zeros(100, dtype=np.int64), np.ones(100, dtype=np.bool_))
    picks = contexts._picks(block, kept, PARAMETERS)
    assert tokens[picks.place[picks.kind == 0]].tolist() == [20, 60, 3, 40, 80]


def test_intervals_of_equal_width_give_equally_many(
    stored: Stored, written: list[dict[str, Any]]
) -> None:
    for latent in (0, 57, 170):
        values = stored.values[:, latent].astype(np.float64)
        bounds = np.arange(6) * values.max() / 5
        inside = [(values > low) & (values <= high) for low, high in pairwise(bounds)]
        found = [r["activation"] for r in written if key(r) == (latent, "interval")]
        assert found == sorted(found, reverse=True)
        wanted = [min(1, int(one.sum())) for one in inside]
        counted, _ = np.histogram(found, bounds)
        assert counted.tolist() == wanted


def test_ten_intervals_share_twenty_contexts() -> None:
    values = np.linspace(0.001, 1, 1_000).astype(np.float32)
    values[values > 0.9] = 0.05  # one interval is empty
    values[-1] = 1.0  # and has one activation instead
    found = contexts._pick_intervals(values, 20, np.random.default_rng(0))
    assert len(set(found.tolist())) == 19
    counted, _ = np.histogram(values[found], np.arange(11) / 10)
    assert counted.tolist() == [2] * 9 + [1]
    assert (np.diff(values[found]) <= 0).all()
    few = contexts._pick_intervals(values, 13, np.random.default_rng(0))
    counted, _ = np.histogram(values[few], np.arange(11) / 10)
    assert counted.tolist() == [1, 1, 1, 2, 1, 1, 2, 1, 1, 1]


def test_an_activation_on_a_bound_belongs_to_the_interval_below() -> None:
    values = np.array([0.5, 1.0, 0.25, 0.75, 0.2500001], dtype=np.float32)
    found = [
        values[contexts._pick_intervals(values, 4, np.random.default_rng(seed))].tolist()
        for seed in range(20)
    ]
    assert {row[0] for row in found} == {1.0} and {row[1] for row in found} == {0.75}
    assert {row[2] for row in found} == {np.float32(0.5), np.float32(0.2500001)}
    assert {row[3] for row in found} == {0.25}


def test_random_ones_are_different_active_tokens(
    stored: Stored, written: list[dict[str, Any]]
) -> None:
    for latent in (0, 57, 170):
        found = places(written, latent, "random")
        assert found == sorted(set(found)) and len(found) == 5
        assert (stored.values[found, latent] > 0).all()


def test_random_ones_are_drawn_evenly(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    # Latent 199 is active on 60 % of all tokens, so the mean rank of a draw is about a half.
    tokens, _ = stored.activations.of_latent(199)
    ranks: list[float] = []
    for seed in range(40):
        picks = contexts._picks(
            block_of(stored, 199), stored.kept, Parameters(seed=seed, contexts_per_kind=6)
        )
        chosen = picks.place[picks.kind == 2]
        ranks += (chosen / len(tokens)).tolist()
    assert len(ranks) == 240 and len(set(ranks)) > 230
    assert np.mean(ranks) == pytest.approx(0.5, abs=5 * 0.289 / np.sqrt(240))


def test_blocks_change_no_byte(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = write(stored)
    monkeypatch.setattr(contexts, "BLOCK_LATENTS", 7)
    assert write(stored) == whole
    assert write(stored, memory_bytes=1) == whole


def test_seed_changes_the_sample(
    stored: Stored, tmp_path: Path, written: list[dict[str, Any]]
) -> None:
    block = block_of(stored, 0)
    picks = contexts._picks(block, stored.kept, Parameters(seed=8))
    other = block.tokens[picks.place[picks.kind == 2]].tolist()
    assert other != places(written, 0, "random")


def test_dead_latents_have_none_and_rare_ones_few(
    stored: Stored, written: list[dict[str, Any]]
) -> None:
    latents = {row["latent"] for row in written}
    assert latents == set(np.flatnonzero(stored.bits.sum(axis=0)).tolist())
    assert [r["latent"] for r in written] == sorted(r["latent"] for r in written)


def test_a_latent_with_few_activations_gives_each_once() -> None:
    values = np.array([3.0, 0.1, 0.2, 2.0], dtype=np.float32)
    found = contexts._pick_intervals(values, 20, np.random.default_rng(0))
    assert values[found].tolist() == [3.0, 2.0, np.float32(0.2), np.float32(0.1)]


def block_of(stored: Stored, latent: int) -> LatentBlock:
    return next(stored.activations.blocks_by_latent(np.array([latent])))


def key(row: dict[str, Any]) -> tuple[int, str]:
    return row["latent"], row["kind"]


def places(written: list[dict[str, Any]], latent: int, kind: str) -> list[int]:
    return [r["document"] * 333 + r["position"] for r in written if key(r) == (latent, kind)]


def test_a_latent_with_as_many_active_tokens_as_contexts_shows_each_once() -> None:
    tokens = np.array([3, 20, 40, 60, 80], dtype=np.uint32)
    block = LatentBlock(np.array([0]), np.array([5]), tokens, np.ones(5, dtype=np.float32))
    kept = KeptTokens.of(np.zeros(100, dtype=np.int64), np.ones(100, dtype=np.bool_))
    picks = contexts._picks(block, kept, PARAMETERS)
    assert tokens[picks.place[picks.kind == 2]].tolist() == tokens.tolist()
