"""The activation on each mask, against a sum over dictionaries."""

import itertools
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.labels import term_activity as term_activity_module
from analysis.labels.descriptions import readable_terms
from analysis.labels.split import split_tokens
from analysis.labels.term_activity import MOST_CANDIDATES, term_activity
from analysis.labels.terms import token_terms
from tests.analysis.labels.corpora import stored_activations, token_table

WORDS = [" whale", " ship", " straw", "berry", ",", " the", "."]


@pytest.mark.parametrize("memory_bytes", [1, 1 << 24])
def test_the_shares_of_the_masks_of_both_halves(tmp_path: Path, memory_bytes: int) -> None:
    rng = np.random.default_rng(0)
    documents = [[WORDS[i] for i in rng.integers(0, len(WORDS), 40)] for _ in range(9)]
    tokens = token_table(*documents, kept=(rng.random(360) < 0.9).tolist())
    values = rng.gamma(2, 1, (360, 6)) * (rng.random((360, 6)) < 0.4)
    split = split_tokens(tokens, 0)
    values[:, 4] = 0  # silent
    values[split.naming, 5] = 0  # active in held-out documents only
    terms = token_terms(tokens, split.naming)
    readable = readable_terms(terms)
    members = [np.array([0, 1, 3, 4]), np.array([1, 2, 5]), np.array([], dtype=int), np.array([4])]
    number = min(MOST_CANDIDATES, len(readable.texts))
    candidates = np.full((4, number), -1, dtype=np.int32)
    for row in candidates[:2]:
        row[:-2] = rng.permutation(len(readable.texts))[: number - 2]
    found = term_activity(
        members,
        candidates,
        stored_activations(tmp_path, values),
        terms,
        readable,
        split,
        memory_bytes=memory_bytes,
    )
    for ids, own, activity in zip(members, candidates.tolist(), found, strict=True):
        expected: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(2))
        for latent in ids.tolist():
            total = values[split.naming, latent].sum()
            for row in np.flatnonzero(split.naming & (values[:, latent] > 0)).tolist():
                of_row = {
                    int(readable.of_term[kind[row]]) for kind in terms.kinds if kind[row] >= 0
                }
                mask = sum(1 << i for i, term in enumerate(own) if term in of_row)
                half = int(split.second_half[row])
                expected[mask][half] += values[row, latent] / total
        sums = sum(expected.values(), np.zeros(2))
        assert activity.masks.tolist() == sorted(expected)
        for mask, shares in zip(activity.masks.tolist(), activity.shares.T, strict=True):
            assert shares == pytest.approx(expected[mask] / sums, rel=1e-5)


def test_more_masks_than_the_hash_table_holds(tmp_path: Path) -> None:
    """A latent that fires on every subset of 12 candidates, 4,096 masks in all."""
    words = [f" w{chr(97 + i)}x" for i in range(12)]
    rng = np.random.default_rng(1)
    tokens = token_table(*[[words[i] for i in rng.integers(0, 12, 3_000)] for _ in range(4)])
    split = split_tokens(tokens, 0)
    terms = token_terms(tokens, split.naming)
    readable = readable_terms(terms)
    # The word, the word before and both phrases make hundreds of masks of a few bits.
    number = min(MOST_CANDIDATES, len(readable.texts))
    candidates = np.arange(number, dtype=np.int32)[None, :]
    values = np.ones((12_000, 1))
    (activity,) = term_activity(
        [np.array([0])], candidates, stored_activations(tmp_path, values), terms, readable, split
    )
    assert len(set(activity.masks.tolist())) == len(activity.masks) > 50
    assert activity.shares.sum(axis=1) == pytest.approx([1, 1])


def test_masks_are_joined_when_a_latent_has_more_than_the_hash_table_has_slots(
    tmp_path: Path,
) -> None:
    """Of each of the first three kinds, one of 21 terms or none: 22³ masks, each on two tokens."""
    every = np.array(list(itertools.product(range(-1, 21), repeat=3)), dtype=np.int32)
    number = len(every)
    assert number > 2 * term_activity_module._SLOTS
    rows = np.concatenate([every, every])
    kinds = [np.where(column < 0, -1, column + 21 * i) for i, column in enumerate(rows.T)]
    none = np.full(len(rows), -1, dtype=np.int32)
    terms: Any = SimpleNamespace(kinds=(*(kind.astype(np.int32) for kind in kinds), none, none))
    of_term = np.arange(63, dtype=np.int32)
    readable: Any = SimpleNamespace(of_term=of_term, texts=[""] * 63)
    second = np.arange(len(rows)) >= number
    split: Any = SimpleNamespace(naming=np.ones(len(rows), dtype=bool), second_half=second)
    (activity,) = term_activity(
        [np.array([0])],
        np.arange(63, dtype=np.int32)[None, :],
        stored_activations(tmp_path, np.ones((len(rows), 1))),
        terms,
        readable,
        split,
    )
    masks = [sum(1 << (int(t) + 21 * i) for i, t in enumerate(row) if t >= 0) for row in every]
    assert activity.masks.tolist() == sorted(masks)
    np.testing.assert_allclose(activity.shares, 1 / number)
