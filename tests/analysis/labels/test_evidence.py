"""The scores of terms against a plain loop over the activations."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Activations, write_table
from analysis.labels.evidence import (
    BEFORE_WEIGHT,
    CONTEXT_SHARE,
    KEPT,
    LEAST_LIFT,
    PHRASE_WEIGHT,
    PIECE_WEIGHT,
    Evidence,
    token_evidence,
)
from analysis.labels.terms import TokenTerms, token_terms
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
            for kind in terms.kinds:
                if (term := int(kind[row])) >= 0:
                    weight[term] = weight.get(term, 0.0) + float(value)
                    hits[term] = hits.get(term, 0) + 1
        scores = {}
        for term, sum_ in weight.items():
            share = sum_ / float(values.astype(np.float64).sum())
            score = share * math.log(1 + share / terms.rate[term])
            score *= hits[term] / (hits[term] + 1)
            if share < LEAST_LIFT * terms.frequency[term]:
                continue
            if term < terms.first_piece:
                scores[term] = score
            elif term < terms.first_before:
                scores[term] = PIECE_WEIGHT * score
            elif share >= CONTEXT_SHARE:
                is_before = term < terms.first_second
                scores[term] = (BEFORE_WEIGHT if is_before else PHRASE_WEIGHT) * score
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
    values = LEAST_LIFT, PIECE_WEIGHT, BEFORE_WEIGHT, PHRASE_WEIGHT, CONTEXT_SHARE, KEPT
    assert values == (2.0, 0.75, 0.7, 0.8, 0.2, 32)


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


def one_latent(folder: Path, rows: list[int], words: int) -> tuple[Evidence, TokenTerms]:
    """The evidence of a latent with activation 1 on some rows of a text of different words."""
    tokens = pa.table(
        {
            "document": np.zeros(words, dtype=np.int64),
            "position": np.arange(words, dtype=np.int32),
            "token": pa.array([f" {chr(97 + i)}" for i in range(words)]).dictionary_encode(),
            "kept": np.ones(words, dtype=bool),
        }
    )
    at = {"token": np.array(rows, dtype=np.uint32), "activation": np.ones(len(rows), np.float32)}
    write_table(folder, "activations_by_latent", pa.table(at))
    activations = Activations(folder, np.array([len(rows)]), np.zeros(words, dtype=np.int64))
    terms = token_terms(tokens)
    return token_evidence(activations, terms, naming=np.ones(words, dtype=bool)), terms


def shown(evidence: Evidence, terms: TokenTerms) -> list[str]:
    return sorted(terms.shown[term] for term in evidence.term[0] if term >= 0)


def test_a_share_of_exactly_twice_the_frequency_counts_and_ties_go_to_the_smaller_term(
    tmp_path: Path,
) -> None:
    # Two of four words have half of the activation each, and a quarter of the tokens each.
    evidence, terms = one_latent(tmp_path, [0, 1], 4)
    assert shown(evidence, terms) == ["a", "a →", "b"]
    assert evidence.term[0, :2].tolist() == sorted(evidence.term[0, :2].tolist())
    assert np.unique(evidence.score[0, :2]).size == 1


def test_a_word_before_counts_from_a_fifth_of_the_activation_on(tmp_path: Path) -> None:
    evidence, terms = one_latent(tmp_path, [1, 5, 9, 13, 17], 20)
    assert shown(evidence, terms) == sorted([*"bfjnr", *(f"{word} →" for word in "aeimq")])
    six, terms = one_latent(tmp_path, [1, 5, 9, 13, 17, 19], 20)
    assert shown(six, terms) == [*"bfjnrt"]
