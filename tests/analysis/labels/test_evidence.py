"""The scores of terms against a plain loop over the activations."""

import math

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Activations
from analysis.labels.evidence import (
    BEFORE_SHARE,
    BEFORE_WEIGHT,
    KEPT,
    LEAST_LIFT,
    PIECE_WEIGHT,
    Evidence,
    token_evidence,
)
from analysis.labels.terms import token_terms
from analysis.runtime.progress import Progress
from tests.analysis.labels.conftest import N


@pytest.mark.parametrize("named_share", [1.0, 0.6])
def test_scores_equal_a_plain_computation(
    small_activations: Activations,
    fires: list[tuple[np.ndarray, np.ndarray]],
    small_tokens: pa.Table,
    named_share: float,
) -> None:
    naming = np.random.default_rng(2).random(N) < named_share
    terms = token_terms(small_tokens, naming)
    evidence = token_evidence(small_activations, terms, naming=naming)
    for latent, (all_rows, all_values) in enumerate(fires):
        rows, values = all_rows[naming[all_rows]], all_values[naming[all_rows]]
        assert evidence.active[latent] == len(rows)
        weight: dict[int, float] = {}
        hits: dict[int, int] = {}
        for row, value in zip(rows, values, strict=True):
            for kind in (terms.word, terms.piece, terms.before):
                if (term := int(kind[row])) >= 0:
                    weight[term] = weight.get(term, 0.0) + float(value)
                    hits[term] = hits.get(term, 0) + 1
        scores = {}
        for term, sum_ in weight.items():
            share = sum_ / float(values.astype(np.float64).sum())
            score = share * math.log(1 + share / terms.frequency[term])
            score *= hits[term] / (hits[term] + 1)
            if share < LEAST_LIFT * terms.frequency[term]:
                continue
            if term < terms.first_piece:
                scores[term] = score
            elif term < terms.first_before:
                scores[term] = PIECE_WEIGHT * score
            elif share >= BEFORE_SHARE:
                scores[term] = BEFORE_WEIGHT * score
        best = sorted(scores, key=lambda t: (-np.float32(scores[t]), t))[:KEPT]
        found = evidence.term[latent]
        assert set(found[found >= 0].tolist()) == set(best)
        np.testing.assert_allclose(
            evidence.score[latent, : len(best)], [scores[t] for t in best], rtol=1e-5
        )


def test_no_byte_depends_on_the_memory(
    evidence: Evidence, small_activations: Activations, small_tokens: pa.Table
) -> None:
    everywhere = np.ones(N, dtype=bool)
    small = token_evidence(
        small_activations, token_terms(small_tokens), naming=everywhere, memory_bytes=1
    )
    for name in ("term", "share", "score", "active"):
        assert getattr(small, name).tobytes() == getattr(evidence, name).tobytes()


def test_thresholds_have_their_stated_values() -> None:
    values = LEAST_LIFT, PIECE_WEIGHT, BEFORE_WEIGHT, BEFORE_SHARE, KEPT
    assert values == (2.0, 0.75, 0.7, 0.2, 24)


def test_progress_counts_latents(small_activations: Activations, small_tokens: pa.Table) -> None:
    reported: list[tuple[str, int, int]] = []
    token_evidence(
        small_activations,
        token_terms(small_tokens),
        naming=np.ones(N, dtype=bool),
        memory_bytes=1,
        progress=Progress("labels", lambda *given: reported.append(given)),
    )
    assert reported[-1] == ("labels", 7, 7)
