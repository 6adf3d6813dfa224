"""Scores against sets of words in plain Python; wrong names score badly."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import precision_score, recall_score

from analysis.bundle import Activations, Bundle, write_table
from analysis.labels.scoring import LEAST_CONTEXTS, Scores, score_names
from analysis.labels.split import split_tokens
from analysis.labels.terms import TokenTerms, token_terms
from tests.analysis.conftest import Stored
from tests.planted import LATENTS


@pytest.fixture(scope="module")
def terms(stored: Stored) -> TokenTerms:
    return token_terms(pq.read_table(stored.tables / "tokens.parquet"))


@pytest.fixture(scope="module")
def held_out(stored: Stored) -> np.ndarray:
    return split_tokens(pq.read_table(stored.tables / "tokens.parquet"), 0).held_out


@pytest.fixture(scope="module")
def names() -> tuple[list[list[int]], list[list[int]]]:
    """Members and terms of names at random: latents, clusters, names without terms."""
    rng = np.random.default_rng(5)
    members = [[latent] for latent in range(LATENTS)]
    members += [rng.choice(LATENTS, 6, replace=False).tolist() for _ in range(20)]
    label_terms = [rng.choice(200, rng.integers(0, 4), replace=False).tolist() for _ in members]
    return members, label_terms


def _truth(
    stored: Stored, terms: TokenTerms, held_out: np.ndarray, members: list[int], name: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each held-out word is active and is predicted, by a loop over the rows."""
    fires = np.asarray(stored.values[:, members].any(axis=1))
    rows: dict[int, list[int]] = {}
    for row in np.flatnonzero(held_out).tolist():
        rows.setdefault(int(terms.occurrence[row]), []).append(row)
    kinds = (terms.word, terms.piece, terms.before)
    active = [bool(fires[one].any()) for one in rows.values()]
    predicted = [
        any(int(kind[row]) in name for kind in kinds for row in one) for one in rows.values()
    ]
    return np.array(active), np.array(predicted)


def test_scores_equal_sets_of_words(
    stored: Stored,
    terms: TokenTerms,
    held_out: np.ndarray,
    names: tuple[list[list[int]], list[list[int]]],
) -> None:
    scores = score_names(*names, stored.activations, terms, held_out=held_out)
    defined = 0
    for i in [*range(0, LATENTS, 29), *range(LATENTS, LATENTS + 8)]:
        members, name = names[0][i], names[1][i]
        active, predicted = _truth(stored, terms, held_out, members, name)
        assert scores.words == len(active)
        assert (scores.active[i], scores.predicted[i]) == (active.sum(), predicted.sum())
        if name and active.sum() >= LEAST_CONTEXTS:
            assert scores.recall[i] == pytest.approx(recall_score(active, predicted))
            if predicted.any():
                defined += 1
                precision = precision_score(active, predicted)
                assert scores.precision[i] == pytest.approx(precision)
                assert scores.lift[i] == pytest.approx(precision / active.mean())
        else:
            assert np.isnan([scores.precision[i], scores.recall[i], scores.lift[i]]).all()
    assert defined > 5


def test_no_count_depends_on_the_memory(
    stored: Stored,
    terms: TokenTerms,
    held_out: np.ndarray,
    names: tuple[list[list[int]], list[list[int]]],
) -> None:
    one, two = (
        score_names(*names, stored.activations, terms, held_out=held_out, memory_bytes=memory_bytes)
        for memory_bytes in (200_000, 10**9)
    )
    for name in ("predicted", "active", "both"):
        assert (getattr(one, name) == getattr(two, name)).all()
    assert one.words == two.words


def test_scores_are_undefined_for_few_words_and_for_terms_that_never_occur() -> None:
    scores = Scores(
        predicted=np.array([10, 10, 0, 10]),
        active=np.array([20, LEAST_CONTEXTS - 1, 20, 20]),
        both=np.array([5, 4, 0, 5]),
        named=np.array([True, True, True, False]),
        words=1_000,
    )
    np.testing.assert_allclose(scores.precision, [0.5, np.nan, np.nan, np.nan])
    np.testing.assert_allclose(scores.recall, [0.25, np.nan, 0, np.nan])
    np.testing.assert_allclose(scores.lift, [25, np.nan, np.nan, np.nan])


def test_a_word_in_pieces_counts_once(tmp_path: Path) -> None:
    """A latent that fires only on the last piece is rightly named by the whole word."""
    text = [" straw", "berry", " the", " straw", "berry", " the"] * 3
    tokens = pa.table(
        {
            "document": np.zeros(18, np.int64),
            "position": np.arange(18, dtype=np.int32),
            "token": pa.array(text).dictionary_encode(),
            "kept": np.ones(18, bool),
            "active_latents": np.array([0, 1, 0] * 6, np.int32),
        }
    )
    write_table(tmp_path, "activations_by_token", pa.table({"latent": np.zeros(6, np.uint32)}))
    activations = Activations(tmp_path, np.array([6]), np.cumsum(tokens["active_latents"]))
    terms = token_terms(tokens)
    name = [[terms.shown.index("strawberry")], [terms.shown.index("the")]]
    scores = score_names([[0], [0]], name, activations, terms, held_out=np.ones(18, bool))
    assert scores.words == 12
    assert scores.precision.tolist() == [1, 0]
    assert scores.recall.tolist() == [1, 0]


def test_shuffled_names_score_badly(planted_bundle: Bundle, stored: Stored) -> None:
    """The planted labels predict where their latents fire; another latent's label does not."""
    terms = token_terms(planted_bundle.tokens)
    held_out = split_tokens(planted_bundle.tokens, 3).held_out
    by_text = {text: term for term, text in enumerate(terms.shown)}
    labels = planted_bundle.latents["label"].to_pylist()[:160]
    name = [[by_text[part] for part in label.split(" · ") if label] for label in labels]
    members = [[latent] for latent in range(160)]
    dealt = [name[(latent + 70) % 160] for latent in range(160)]
    right, wrong = (
        score_names(members, given, planted_bundle.activations, terms, held_out=held_out)
        for given in (name, dealt)
    )
    stored_precision = planted_bundle.latents["label_precision"].to_numpy()[:160]
    np.testing.assert_array_equal(right.precision, stored_precision)
    assert np.nanmedian(right.precision) > 0.8
    assert np.nanmedian(right.lift) > 10
    assert np.nanmedian(wrong.precision) < 0.05
    assert np.nanmedian(wrong.lift) < 1


@pytest.mark.parametrize(("active", "is_defined"), [(4, False), (5, True)])
def test_five_active_words_are_enough_for_a_score(active: int, is_defined: bool) -> None:
    scores = Scores(
        predicted=np.array([10]),
        active=np.array([active]),
        both=np.array([2]),
        named=np.array([True]),
        words=100,
    )
    assert np.isfinite([scores.precision, scores.recall, scores.lift]).all() == is_defined
    assert LEAST_CONTEXTS == 5


def test_scores_are_divided_into_consecutive_groups() -> None:
    numbers = np.arange(10, 16)
    scores = Scores(numbers, numbers + 10, numbers - 5, numbers > 12, 100)
    first, second = scores.parts([2, 4])
    assert first.predicted.tolist() == [10, 11]
    assert second.active.tolist() == [22, 23, 24, 25]
    assert second.both.tolist() == [7, 8, 9, 10]
    assert second.named.tolist() == [False, True, True, True]
    assert (first.words, second.words) == (100, 100)
