"""The intruder test on planted topics, and its parts against plain loops."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.bundle import KeptTokens
from analysis.labels import intruder
from analysis.labels.intruder import CHANCE, OWN, SHOWN, TRIALS, intruder_scores
from analysis.labels.terms import TokenTerms, token_terms
from analysis.runtime.arrays import Bools, Ints
from analysis.runtime.progress import SILENT
from tests.analysis.conftest import Stored
from tests.planted import GROUPS, INDEPENDENT, MEMBERS


@pytest.fixture(scope="module")
def terms(stored: Stored) -> TokenTerms:
    return token_terms(pq.read_table(stored.tables / "tokens.parquet"))


@pytest.fixture(scope="module")
def held_out(stored: Stored) -> Bools:
    """All documents: the planted topics have few documents each."""
    return np.asarray(pq.read_table(stored.tables / "tokens.parquet")["kept"], bool)


def pools(stored: Stored, held_out: Bools, latents: Ints) -> Ints:
    return intruder._pools(latents, stored.activations, stored.kept, held_out, 0, 1 << 20, SILENT)


def test_planted_topics_are_recognised_and_random_groups_are_not(
    stored: Stored, terms: TokenTerms, held_out: Bools
) -> None:
    topics = [np.arange(g * MEMBERS, (g + 1) * MEMBERS) for g in range(GROUPS)]
    random = np.random.default_rng(0)
    bursty = [np.array([latent]) for latent in INDEPENDENT]
    mixed = [np.sort(random.choice(GROUPS * MEMBERS, 8, replace=False)) for _ in range(60)]
    groups = [*topics, *bursty, *mixed]
    scores = intruder_scores(
        groups, stored.activations, stored.kept, terms, held_out=held_out, seed=0
    )
    parts = np.split(scores.right, [len(topics), len(topics) + len(bursty)])
    assert np.nanmean(parts[0]) > 0.8
    # A binomial of 30 · 8 and of 60 · 8 trials, four standard deviations.
    assert abs(np.nanmean(parts[1]) - CHANCE) < 0.11
    assert abs(np.nanmean(parts[2]) - CHANCE) < 0.08
    assert (scores.trials <= 8).all() and scores.trials[: len(topics)].min() == 8


def test_scores_depend_on_the_seed_alone(
    stored: Stored, terms: TokenTerms, held_out: Bools
) -> None:
    groups = [np.array([3]), np.arange(10, 20), np.array([165])]

    def scores(seed: int, memory_bytes: int) -> list[float]:
        result = intruder_scores(
            groups,
            stored.activations,
            stored.kept,
            terms,
            held_out=held_out,
            seed=seed,
            memory_bytes=memory_bytes,
        )
        return [float(one) for one in result.right]

    assert scores(0, 1 << 30) == scores(0, 1)
    assert any(scores(0, 1 << 30) != scores(seed, 1 << 30) for seed in (1, 2, 3))


def test_contexts_are_the_strongest_of_the_strongest_held_out_documents(
    stored: Stored, held_out: Bools
) -> None:
    latents = np.arange(160)
    drawn = pools(stored, held_out, latents)
    assert drawn.shape == (160, 4 * 8)
    for latent, rows in zip(latents, drawn, strict=True):
        value = np.where(held_out[: len(stored.values)], stored.values[:, latent], 0.0)
        document = stored.kept.documents_of(np.arange(len(value)))
        strongest = {
            d: float(value[document == d].max()) for d in np.unique(document[value > 0]).tolist()
        }
        most = max(OWN, int(np.ceil(0.25 * len(strongest))))
        if len(strongest) < OWN:
            assert (rows == -1).all()
            continue
        limit = sorted(strongest.values(), reverse=True)[most - 1]
        for row in rows.tolist():
            assert value[row] == strongest[int(document[row])] >= limit
        for trial in document[rows].reshape(TRIALS, OWN):
            assert len(set(trial.tolist())) == OWN


@pytest.mark.parametrize(("documents", "taken"), [(3, 3), (4, 4), (16, 4), (17, 5), (100, 25)])
def test_contexts_are_of_the_quarter_of_documents_where_the_latent_is_most_active(
    documents: int, taken: int
) -> None:
    """Two active tokens in every document: the second of each is the stronger one."""
    rows = np.arange(2 * documents)
    kept = KeptTokens.of(rows // 2, np.ones(2 * documents, dtype=bool))
    values = np.where(rows % 2, 1.0 + rows * 7 % 31 / 31, 0.5).astype(np.float32)
    held_out = np.ones(2 * documents, dtype=bool)
    chosen = intruder._strongest(rows.astype(np.uint32), values, kept, held_out)
    assert chosen.tolist() == sorted(rows[1::2], key=lambda row: (-values[row], row))[:taken]


def test_foreign_contexts_are_of_another_document_and_not_active(
    stored: Stored, held_out: Bools
) -> None:
    groups = [np.arange(10), np.array([12]), np.array([160]), np.arange(20, 30)]
    latents = np.unique(np.concatenate(groups))
    trials = intruder._drawn(groups, latents, pools(stored, held_out, latents), stored.kept, 0)
    intruder._drop_active(trials, groups, stored.activations, latents, 1 << 20)
    assert np.unique(trials.group).tolist() == [0, 1, 2, 3]
    assert trials.foreign.shape == (4 * 8, 6)
    fits = 0
    for group, own, foreign in zip(trials.group, trials.own, trials.foreign, strict=True):
        documents = set(stored.kept.documents_of(own).tolist())
        assert len(documents) == OWN
        assert (stored.values[np.ix_(own, groups[group])] > 0).any(axis=1).all()
        for row in foreign[foreign >= 0].tolist():
            fits += 1
            assert int(stored.kept.documents_of(np.array([row]))[0]) not in documents
            assert not (stored.values[row, groups[group]] > 0).any()
    assert fits > len(trials.group)


@pytest.mark.parametrize("where", ["anywhere", "first tokens", "last tokens"])
def test_the_judge_picks_the_context_that_shares_the_least(
    where: str, stored: Stored, terms: TokenTerms, held_out: Bools
) -> None:
    random = np.random.default_rng(1)
    rows = random.choice(np.flatnonzero(held_out), (40, SHOWN))
    starts, ends = stored.kept.row_starts, stored.kept.row_ends
    document_of = stored.kept.documents_of(rows.ravel()).reshape(rows.shape)
    if where == "first tokens":  # words of the document before are within reach
        rows = starts[document_of] + random.integers(0, 3, rows.shape)
    if where == "last tokens":
        rows = ends[document_of] - 1 - random.integers(0, 3, rows.shape)
    rows[0] = rows[0, 0]  # five equal contexts: a tie
    picked = intruder.picked_by_words(rows, terms, stored.kept)
    for trial, result in zip(rows, picked, strict=True):
        vectors = np.zeros((SHOWN, len(terms.shown)))
        for i, row in enumerate(trial.tolist()):
            document = int(stored.kept.documents_of(np.array([row]))[0])
            for at in range(row - 10, row + 11):
                if not starts[document] <= at < ends[document]:
                    continue
                for kind in (terms.word, terms.piece, terms.before):
                    if kind[at] >= 0:
                        rarity = np.log(1 / max(terms.frequency[kind[at]], 1 / stored.kept.total))
                        vectors[i, kind[at]] += rarity / (1 + abs(at - row)) ** 2
            vectors[i] /= np.linalg.norm(vectors[i])
        products = vectors @ vectors.T
        shared = np.round(products.sum(axis=1) - np.diag(products), 9)
        least = np.flatnonzero(shared == shared.min())
        assert result == (1 / len(least) if SHOWN - 1 in least else 0.0)
    assert picked[0] == CHANCE


def test_a_latent_of_few_documents_has_no_trial(
    stored: Stored, terms: TokenTerms, held_out: Bools
) -> None:
    few = held_out & (stored.kept.documents_of(np.arange(len(held_out))) < OWN - 1)
    scores = intruder_scores(
        [np.array([0]), np.arange(10)], stored.activations, stored.kept, terms, held_out=few, seed=0
    )
    assert np.isnan(scores.right).all() and scores.trials.tolist() == [0, 0]
