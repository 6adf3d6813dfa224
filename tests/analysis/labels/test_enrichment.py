"""Enriched terms and label words against plain loops over the dense planted activations."""

from collections import defaultdict

import numpy as np
import pytest
from scipy import stats

from analysis.bundle import Bundle
from analysis.labels import enrichment
from analysis.labels.corpus_terms import CorpusTerms, corpus_terms
from analysis.labels.enrichment import (
    HELD,
    SampledLatents,
    enriched_label_words,
    enriched_terms,
    sampled_latents,
    shared_label_words,
)
from analysis.labels.evidence import LEAST_LIFT
from analysis.runtime.arrays import Ints
from tests.analysis.conftest import dense_values
from tests.planted import DEAD, LATENTS, TOPICS, Planted

SEA = np.arange(LATENTS) < 10


@pytest.fixture(scope="module")
def corpus(planted_bundle: Bundle) -> CorpusTerms:
    return corpus_terms(planted_bundle)


def every(mask: np.ndarray) -> SampledLatents:
    live = ~np.isin(np.arange(LATENTS), DEAD)
    selected, rest = np.flatnonzero(mask & live), np.flatnonzero(~mask & live)
    return SampledLatents(selected, rest, len(selected), len(rest))


def plain(
    values: np.ndarray, latents: Ints, kinds: list[np.ndarray], frequency: np.ndarray
) -> tuple[dict[int, float], dict[int, int], dict[int, int]]:
    """Summed shares, holders and tokens of each term."""
    shares: dict[int, float] = defaultdict(float)
    holders: dict[int, int] = defaultdict(int)
    tokens: dict[int, int] = defaultdict(int)
    for latent in latents.tolist():
        weight: dict[int, float] = defaultdict(float)
        for row in np.flatnonzero(values[:, latent]).tolist():
            for kind in kinds:
                if kind[row] >= 0:
                    weight[int(kind[row])] += float(values[row, latent])
                    tokens[int(kind[row])] += 1
        total = float(values[:, latent].sum())
        for term, part in weight.items():
            shares[term] += part / total
            holders[term] += part / total >= max(HELD, LEAST_LIFT * frequency[term])
    return shares, holders, tokens


def test_terms_have_the_numbers_of_a_plain_loop(
    planted_bundle: Bundle, planted: Planted, corpus: CorpusTerms
) -> None:
    values, terms = dense_values(planted), corpus.terms
    sample = every(SEA)
    table = enriched_terms(planted_bundle.activations, sample, corpus).to_pandas()
    kinds = list(terms.kinds)
    own = plain(values, sample.selected, kinds, terms.frequency)
    rest = plain(values, sample.rest, kinds, terms.frequency)
    n, m = len(sample.selected), len(sample.rest)
    ids: dict[str, list[int]] = defaultdict(list)  # a phrase is a term of both of its words
    for i, text in enumerate(terms.shown):
        ids[text].append(i)
    tested = [t for t in range(len(terms.shown)) if own[1][t] + rest[1][t]]
    p = stats.hypergeom.sf(
        [own[1][t] - 1 for t in tested], n + m, [own[1][t] + rest[1][t] for t in tested], n
    )
    q = dict(zip(tested, stats.false_discovery_control(np.minimum(p, 1)), strict=True))
    for row in table.itertuples():
        t = min(ids[row.term], key=lambda t: abs(own[0][t] / n - row.share))
        f = terms.frequency[t]
        assert row.share == pytest.approx(own[0][t] / n, rel=1e-5)
        assert row.share_rest == pytest.approx(rest[0][t] / m, rel=1e-5)
        lift = ((own[0][t] + f) / (n + 1)) / ((rest[0][t] + f) / (m + 1))
        assert row.lift == pytest.approx(lift, rel=1e-5) and row.lift > 1
        assert (row.latents, row.latents_rest) == (own[1][t], rest[1][t])
        assert row.tokens == own[2][t]
        assert row.q == pytest.approx(q[t], rel=1e-6)


def test_the_words_of_a_planted_topic_are_found(
    planted_bundle: Bundle, corpus: CorpusTerms
) -> None:
    table = enriched_terms(planted_bundle.activations, every(SEA), corpus)
    sure = [
        t for t, q in zip(*(table[c].to_pylist() for c in ("term", "q")), strict=True) if q < 0.05
    ]
    assert set(sure[:6]) <= set(TOPICS["sea"].split()) and len(sure) >= 6
    # The significant terms come first; inside each part the score descends.
    q = table["q"].to_numpy() >= enrichment.SIGNIFICANT
    assert (np.diff(q.astype(int)) >= 0).all()
    score = table["share"].to_numpy() * np.log(table["lift"].to_numpy())
    assert (np.diff(score[~q]) <= 1e-12).all() and (np.diff(score[q]) <= 1e-12).all()


def test_random_latents_have_few_significant_terms(
    planted_bundle: Bundle, corpus: CorpusTerms
) -> None:
    wrong = 0
    for seed in range(10):
        chosen = np.random.default_rng(seed).choice(LATENTS, 40, replace=False)
        table = enriched_terms(
            planted_bundle.activations, every(np.isin(np.arange(LATENTS), chosen)), corpus
        )
        wrong += int((table["q"].to_numpy() < 0.05).any())
    assert wrong <= 3


def test_a_sample_is_even_and_of_the_right_side(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrichment, "MOST_SELECTED", 10)
    monkeypatch.setattr(enrichment, "MOST_REST", 7)
    mask = np.arange(LATENTS) % 2 == 0
    sample = sampled_latents(planted_bundle.activations, mask)
    live = ~np.isin(np.arange(LATENTS), DEAD)
    assert sample.all_selected == (mask & live).sum() and sample.all_rest == (~mask & live).sum()
    assert len(sample.selected) == 10 and len(sample.rest) == 7
    assert mask[sample.selected].all() and not mask[sample.rest].any()
    assert live[sample.selected].all() and live[sample.rest].all()
    assert np.diff(sample.selected).min() >= 0.5 * np.diff(sample.selected).max()
    assert len(np.unique(sample.selected)) == 10


def test_a_large_selection_is_read_from_evenly_spaced_row_groups(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrichment, "ROW_GROUP", 500)
    monkeypatch.setattr(enrichment, "MOST_SELECTED", 20)
    monkeypatch.setattr(enrichment, "LEAST_GROUPS", 3)
    counts = planted_bundle.activations.latent_counts
    group = (planted_bundle.activations.latent_ends - counts) // 500
    sample = sampled_latents(planted_bundle.activations, np.arange(LATENTS) < 150)
    read = np.unique(group[sample.selected])
    assert 10 <= len(sample.selected) <= 20
    assert len(read) < len(np.unique(group[:150])) / 3
    assert read[0] == group[0] and read[-1] > group[100]


def test_the_corpus_may_be_a_sample_of_documents(planted_bundle: Bundle) -> None:
    part = corpus_terms(planted_bundle, most_tokens=planted_bundle.tokens.num_rows // 3)
    table = enriched_terms(planted_bundle.activations, every(SEA), part)
    whole = enriched_terms(planted_bundle.activations, every(SEA), corpus_terms(planted_bundle))
    tokens = dict(zip(whole["term"].to_pylist(), whole["tokens"].to_pylist(), strict=True))
    assert 0 < table["tokens"][0].as_py() < tokens[table["term"][0].as_py()]


def test_label_words_are_counted_once_for_each_latent() -> None:
    labels = ["a · b", "a · a", "a", "b", "", "c", "a · c", "c"]
    mask = np.array([True, True, True, True, True, False, False, False])
    live = np.ones(8, dtype=bool)
    live[3] = False
    table = enriched_label_words(labels, mask, live).to_pylist()
    rows = {row["term"]: row for row in table}
    assert rows.keys() == {"a", "b"}  # c is not among the selected
    assert (rows["a"]["latents"], rows["a"]["latents_rest"]) == (3, 1)
    assert (rows["b"]["latents"], rows["b"]["latents_rest"]) == (1, 0)
    assert rows["a"]["share"] == pytest.approx(3 / 4)
    assert rows["a"]["share_rest"] == pytest.approx(1 / 3)
    assert rows["a"]["lift"] == pytest.approx((3.5 / 5) / (1.5 / 4))
    p = [stats.hypergeom.sf(2, 7, 4, 4), stats.hypergeom.sf(0, 7, 1, 4), 1.0]
    assert [rows["a"]["q"], rows["b"]["q"]] == pytest.approx(stats.false_discovery_control(p)[:2])


def test_groups_are_described_by_words_that_several_members_share() -> None:
    labels = ["a · b", "a · b · c", "a · c", "c", "c · d", "c", "z", "a"]
    mask = np.arange(8) < 6
    groups = [[0, 1], [3, 4, 5], [2]]
    # a: 2 of 2 against 3 of 6; b: 2 of 2 against 2 of 6; c in 1 only, d in one member only.
    assert shared_label_words(labels, groups, mask) == [["b", "a"], ["c"], []]
    everything = [[0, 1, 2, 3, 4, 5]]
    assert shared_label_words(labels, everything, mask) == [[]]


def test_without_selected_latents_there_are_no_terms(
    planted_bundle: Bundle, corpus: CorpusTerms
) -> None:
    nothing = np.zeros(LATENTS, dtype=bool)
    sample = sampled_latents(planted_bundle.activations, nothing)
    assert enriched_terms(planted_bundle.activations, sample, corpus).num_rows == 0
    assert enriched_label_words([""] * LATENTS, nothing, ~nothing).num_rows == 0
