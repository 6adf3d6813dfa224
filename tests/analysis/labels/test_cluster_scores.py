"""Scores of planted clusters beside random ones and those by first word."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse

from analysis.bundle import LevelScores, MemberScores, Space, write_table
from analysis.bundle.schema import TABLES
from analysis.labels import cluster_scores
from analysis.labels.cluster_scores import (
    MOST_DRAWS,
    ClusterScores,
    score_clusters,
    space_shown_first,
)
from analysis.labels.evidence import token_evidence
from analysis.labels.good_lifts import GOOD_LIFT
from analysis.labels.material import Material
from analysis.labels.member_lifts import MemberLifts, WordVotes, member_lifts, word_votes
from analysis.labels.split import Split, split_tokens
from analysis.labels.terms import TokenTerms, token_terms
from tests.analysis.labels.corpora import stored_activations, token_table

GROUPS, EACH, WORDS = 8, 6, 12


class Labelled:
    """Eight groups of six latents; each fires on four words of its group's twelve.

    Level 0 has the groups, level 1 pairs of groups, and the other space has latents at random.
    """

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(1)
        vocabulary = [f" {a}{b}" for a in "bcdfghjk" for b in "lmnpqrstvwxz"]
        words = rng.integers(0, len(vocabulary), (30, 200))
        self.tokens = token_table(*[[vocabulary[i] for i in row] for row in words])
        flat = words.ravel()
        own = [
            g * WORDS + rng.choice(WORDS, 4, replace=False)
            for g in range(GROUPS)
            for _ in range(EACH)
        ]
        values = np.stack([np.isin(flat, ids) for ids in own], axis=1).astype(float)
        write_table(folder, "relations", TABLES["relations"].empty_table())
        F = GROUPS * EACH
        group = np.repeat(np.arange(GROUPS), EACH)
        dealt = rng.permutation(group)
        labels = [group, GROUPS + group // 2, GROUPS + GROUPS // 2 + dealt]
        clusters = 2 * GROUPS + GROUPS // 2
        self.material = Material(
            folder,
            stored_activations(folder, values),
            pa.table({"active_tokens": values.sum(axis=0).astype(int), "flag": ["live"] * F}),
            pa.table(
                {
                    "cluster": np.arange(clusters),
                    "space": ["decoder"] * (GROUPS + GROUPS // 2) + ["cooccurrence"] * GROUPS,
                    "level": [0] * GROUPS + [1] * (GROUPS // 2) + [0] * GROUPS,
                }
            ),
            pa.table({"latent": np.tile(np.arange(F), 3), "cluster": np.concatenate(labels)}),
        )
        self.split: Split = split_tokens(self.tokens, 0)
        self.terms: TokenTerms = token_terms(self.tokens, self.split.naming)
        evidence = token_evidence(self.material.activations, self.terms, naming=self.split.naming)
        self.words: WordVotes = word_votes(evidence, self.terms.first_piece)

    def scores(self, seed: int = 0) -> ClusterScores:
        return score_clusters(
            self.material,
            self.words,
            self.terms,
            held_out=self.split.held_out,
            seed=seed,
            memory_bytes=1 << 20,
        )


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    return Labelled(tmp_path_factory.mktemp("labelled"))


@pytest.fixture(scope="module")
def scores(labelled: Labelled) -> ClusterScores:
    return labelled.scores()


def test_each_cluster_has_the_scores_of_its_members(
    labelled: Labelled, scores: ClusterScores
) -> None:
    members = labelled.material.members
    levels = [members[:8], members[8:12], members[12:]]
    lifts = member_lifts(
        levels,
        labelled.words,
        labelled.material.activations,
        labelled.terms,
        held_out=labelled.split.held_out,
    )
    lift = np.concatenate([one.lift for one in lifts])
    other = np.concatenate([one.other_words for one in lifts])
    start = 0
    for place, ids in enumerate(members):
        own = slice(start, start := start + len(ids))
        assert scores.lift[place] == np.median(lift[own])
        assert scores.share[place] == pytest.approx((lift[own] >= GOOD_LIFT).mean())
        assert scores.other_words[place] == np.median(other[own])


def test_planted_clusters_beat_random_ones_and_dealt_clusters_do_not(scores: ClusterScores) -> None:
    planted, pairs, dealt = scores.levels
    assert [(one.space, one.level) for one in scores.levels] == [
        ("decoder", 0),
        ("decoder", 1),
        ("cooccurrence", 0),
    ]
    assert planted.clusters.lift is not None and planted.random.lift is not None
    assert planted.clusters.lift > 5
    assert planted.random.lift < 1.5
    assert planted.clusters.share_other_words is not None
    assert planted.clusters.share_other_words > 0.5
    assert (dealt.clusters.share or 0) < 0.2
    assert (pairs.clusters.clusters, pairs.random.clusters) == (4, 4)
    assert planted.draws == MOST_DRAWS
    assert planted.random.members == MOST_DRAWS * GROUPS * EACH
    assert planted.clusters.covered == planted.random.covered == 1


def test_latents_with_one_best_word_are_a_baseline(
    labelled: Labelled, scores: ClusterScores
) -> None:
    """Only words that are best for three latents count."""
    first = labelled.words.telling[:, 0]
    sizes = np.bincount(first)
    assert scores.first_word.clusters == (sizes >= 3).sum() > 0
    assert scores.first_word.covered == pytest.approx(sizes[sizes >= 3].sum() / len(first))


def test_random_clusters_follow_the_seed(labelled: Labelled, scores: ClusterScores) -> None:
    assert labelled.scores().levels == scores.levels
    other = labelled.scores(seed=1)
    assert [one.clusters for one in other.levels] == [one.clusters for one in scores.levels]
    assert other.levels[0].random != scores.levels[0].random


def _level(space: Space, covered: float, share: float | None, random: float = 0.03) -> LevelScores:
    def members(value: float | None) -> MemberScores:
        return MemberScores(
            clusters=9,
            covered=covered,
            members=100,
            lift=1,
            share=value,
            lift_other_words=1,
            share_other_words=0.5,
        )

    return LevelScores(
        space=space, level=0, clusters=members(share), random=members(random), draws=1
    )


@pytest.mark.parametrize(
    ("levels", "space"),
    [
        ([_level("decoder", 0.2, 0.9), _level("cooccurrence", 0.5, 0.5)], "cooccurrence"),
        ([_level("decoder", 0.5, 0.9), _level("cooccurrence", 0.5, 0.8)], "decoder"),
        ([_level("decoder", 0.5, 0.5), _level("cooccurrence", 0.5, 0.5)], "decoder"),
        ([_level("decoder", 0.9, 0.5, 0.49), _level("cooccurrence", 0.3, 0.4)], "cooccurrence"),
        ([_level("decoder", 0.9, 0.02), _level("cooccurrence", 0.9, 0.03)], "decoder"),
        ([_level("decoder", 0.5, None), _level("cooccurrence", 0.1, 0.5)], "cooccurrence"),
        ([_level("cooccurrence", 0.5, 0.5)], "cooccurrence"),
        ([], "decoder"),
    ],
)
def test_the_space_of_more_members_that_fit_is_shown_first(
    levels: list[LevelScores], space: Space
) -> None:
    first, sentence = space_shown_first(levels)
    assert first == space
    assert sentence.count(".") == 1 + sentence.count("0.") and sentence.endswith(".")


def test_the_reason_is_one_sentence_with_both_numbers() -> None:
    levels = [_level("decoder", 0.2, 0.5), _level("cooccurrence", 0.5, 0.8)]
    _, sentence = space_shown_first(levels)
    assert sentence == (
        "Co-occurrence clusters are shown first: 40\u00a0% of the live latents are in one and fire "
        "at least 5 times as often as by chance on the words that its other members name, in "
        "held-out documents; it is 10\u00a0% for decoder clusters."
    )
    _, sentence = space_shown_first([])
    assert "no cluster predicts its members" in sentence


@pytest.mark.parametrize(
    ("members", "draws"), [(100, 20), (1_000, 20), (1_053, 19), (19_999, 2), (20_000, 1)]
)
def test_members_are_dealt_until_there_are_20000_and_at_most_20_times(
    members: int, draws: int
) -> None:
    dealt = cluster_scores._random([np.arange(10), np.arange(10, members)], 0)
    assert [[len(ids) for ids in one] for one in dealt] == [[10, members - 10]] * draws


def test_only_live_latents_are_grouped_by_their_first_word() -> None:
    first = [7, 3, 7, 3, -1, 7, 3, 3, 7, -1, -1]
    telling = np.column_stack([first, np.zeros((11, 2))]).astype(np.int32)
    words = WordVotes(scipy.sparse.csr_matrix((11, 9)), telling)
    live = np.ones(11, dtype=bool)
    every = cluster_scores._by_first_word(words, live)
    assert [ids.tolist() for ids in every] == [[1, 3, 6, 7], [0, 2, 5, 8]]
    live[[3, 6]] = False  # two of the first group are left
    some = cluster_scores._by_first_word(words, live)
    assert [ids.tolist() for ids in some] == [[0, 2, 5, 8]]


def test_scores_are_of_members_with_a_lift_and_coverage_is_of_live_latents() -> None:
    lift = np.array([5.0, 4.9, np.nan, 30.0, np.nan], dtype=np.float32)
    other = np.array([2.0, np.nan, np.nan, 1.9, np.nan], dtype=np.float32)
    grouping = [np.array([0, 1, 2]), np.array([3]), np.array([4])]
    live = np.array([True, True, False, True, False, True, True, True])
    lifts = MemberLifts(lift, other)
    summary = cluster_scores._summary(grouping, lifts, live)
    assert (summary.clusters, summary.members, summary.covered) == (3, 3, 0.5)
    assert summary.lift == 5.0 and summary.share == pytest.approx(2 / 3, abs=1e-6)
    assert summary.lift_other_words == pytest.approx(1.95)
    assert summary.share_other_words == 0.5  # from a lift of 2
    each = cluster_scores._of_each(grouping, lifts)
    expected = [[4.95, 30, np.nan], [0.5, 1, np.nan], [2.0, 1.9, np.nan]]
    np.testing.assert_allclose(each, expected, rtol=1e-6)
