"""Leave one member out: the lifts against a plain computation for every member."""

from collections import Counter
from math import log1p
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Activations
from analysis.labels.evidence import Evidence, token_evidence
from analysis.labels.member_lifts import (
    TELLING,
    WORDS,
    Grouping,
    WordVotes,
    held_out_words,
    member_lifts,
    word_votes,
)
from analysis.labels.scoring import LEAST_CONTEXTS
from analysis.labels.split import Split, split_tokens
from analysis.labels.terms import TokenTerms, token_terms
from tests.analysis.labels.corpora import stored_activations, token_table

VOCABULARY = [f" w{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(60)]
LATENTS = 24


class World:
    """Sixty words, some in two tokens; latents that fire on four words of their group of twelve."""

    def __init__(self, folder: Path) -> None:
        rng = np.random.default_rng(3)
        chance = rng.dirichlet(np.ones(60) * 2)
        texts = [
            [part for i in rng.choice(60, 90, p=chance) for part in self.parts(int(i))]
            for _ in range(12)
        ]
        self.tokens = token_table(*texts)
        self.terms = token_terms(self.tokens)
        words = np.array([self.terms.shown[t] for t in self.terms.word])
        fires = np.zeros((len(words), LATENTS))
        for latent in range(LATENTS):
            own = rng.choice(12, 4, replace=False) + 12 * (latent % 4)
            on = np.isin(words, ["".join(self.parts(int(i))).strip() for i in own])
            fires[:, latent] = (on & (rng.random(len(words)) < 0.8)) | (
                rng.random(len(words)) < 0.02
            )
        self.values = fires * rng.uniform(0.5, 2, fires.shape)
        self.activations = stored_activations(folder, self.values)
        self.split = split_tokens(self.tokens, 0)
        self.evidence = token_evidence(self.activations, self.terms, naming=self.split.naming)
        self.words = word_votes(self.evidence, self.terms.first_piece)

    @staticmethod
    def parts(i: int) -> list[str]:
        return [VOCABULARY[i], "x"] if i % 5 == 0 else [VOCABULARY[i]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def _score(
    world: World, groupings: list[Grouping], memory_bytes: int = 1 << 24
) -> list[np.ndarray]:
    lifts = member_lifts(
        groupings,
        world.words,
        world.activations,
        world.terms,
        held_out=world.split.held_out,
        memory_bytes=memory_bytes,
    )
    return [np.stack([one.lift, one.other_words]) for one in lifts]


def _own_votes(world: World, latent: int) -> dict[int, float]:
    """The shares of one vote that a latent gives to its whole words."""
    term, score = world.evidence.term[latent], world.evidence.score[latent]
    own = {int(t): float(s) for t, s in zip(term, score, strict=True) if t >= 0 and s > 0}
    own = {t: s for t, s in own.items() if t < world.terms.first_piece}
    total = sum(own.values())
    return {t: s / total for t, s in own.items()}


def _plain(world: World, grouping: Grouping, latent: int, cluster: int) -> tuple[float, float]:
    """The lifts of one member by sums over dictionaries, and sets of words."""
    votes = [_own_votes(world, i) for i in range(LATENTS)]
    everything: Counter[int] = Counter()
    for ids in grouping:
        for i in ids:
            everything.update(votes[int(i)])
    mean = sum(everything.values()) / len(grouping)
    others: Counter[int] = Counter()
    voters: Counter[int] = Counter()
    for i in grouping[cluster]:
        if int(i) != latent:
            others.update(votes[int(i)])
            voters.update(votes[int(i)].keys())
    scores = {
        t: v * log1p(mean / everything[t]) * voters[t] / (voters[t] + 1) for t, v in others.items()
    }
    telling = sorted(votes[latent], key=lambda t: (-votes[latent][t], t))[:TELLING]
    rows = np.flatnonzero(world.split.held_out)
    word_of = {int(world.terms.occurrence[r]): int(world.terms.word[r]) for r in rows}
    active = {int(world.terms.occurrence[r]) for r in rows if world.values[r, latent] > 0}
    found = []
    for left_out in ([], telling):
        ranked = sorted((t for t in scores if t not in left_out), key=lambda t: (-scores[t], t))
        named = {word for word, term in word_of.items() if term in ranked[:WORDS]}
        chance = len(active) / len(word_of)
        found.append(len(named & active) / len(named) / chance if named else np.nan)
    return found[0], found[1]


def test_lifts_equal_a_plain_computation(world: World) -> None:
    groups = [np.arange(start, LATENTS, 4) for start in range(4)]
    mixed = [np.array([0, 1, 2]), np.array([5, 9, 10, 11]), np.array([3])]
    for grouping, lifts in zip((groups, mixed), _score(world, [groups, mixed]), strict=True):
        flat = [(int(i), c) for c, ids in enumerate(grouping) for i in ids]
        expected = np.array([_plain(world, grouping, *member) for member in flat]).T
        np.testing.assert_allclose(lifts, expected, rtol=1e-5)
        assert np.isfinite(lifts).sum() > 6


def test_members_of_planted_groups_fit_and_those_dealt_at_random_do_not(world: World) -> None:
    groups = [np.arange(start, LATENTS, 4) for start in range(4)]
    dealt = np.split(np.random.default_rng(0).permutation(LATENTS), 4)
    planted, random = _score(world, [groups, dealt])
    # A quarter of the dealt neighbours are of the same group.
    assert np.median(planted[0]) > 2 * np.median(random[0])


def test_a_word_that_only_one_member_names_does_not_score_it(world: World) -> None:
    """A cluster of one has no other members, so nothing is named."""
    (lifts,) = _score(world, [[np.array([3])]])
    assert np.isnan(lifts).all()


def test_no_lift_depends_on_the_memory_or_on_other_groupings(world: World) -> None:
    groups = [np.arange(start, LATENTS, 4) for start in range(4)]
    alone = _score(world, [groups])[0]
    second = _score(world, [[np.array([0, 1])], groups], memory_bytes=1)[1]
    np.testing.assert_array_equal(alone, second)
    assert _score(world, []) == []
    assert [one.shape for one in _score(world, [[], [np.array([0, 1])]])] == [(2, 0), (2, 2)]


def test_the_telling_words_are_the_best_whole_words() -> None:
    evidence = Evidence(
        term=np.array([[7, 2, 0, 5, 1, 3], [6, -1, -1, -1, -1, -1]], dtype=np.int32),
        share=np.ones((2, 6), dtype=np.float32),
        score=np.array([[9, 8, 6, 4, 2, 0], [3, 0, 0, 0, 0, 0]], dtype=np.float32),
        active=np.array([9, 9]),
        shown=list("abcdefgh"),
        core=list("abcdefgh"),
    )
    words = word_votes(evidence, first_piece=5)
    assert words.telling.tolist() == [[2, 0, 1], [-1, -1, -1]]
    np.testing.assert_allclose(words.votes.toarray(), np.array([[6, 2, 8, 0, 0], [0] * 5]) / 16)
    assert (WORDS, TELLING) == (10, 3)


def _two_members(active: int, folder: Path) -> np.ndarray:
    """The lifts of two latents; the first fires on `active` held-out words."""
    tokens = token_table(*[[" a", " b"] * 6] * 3)
    terms: TokenTerms = token_terms(tokens)
    split: Split = split_tokens(tokens, 0)
    values = np.zeros((36, 2))
    values[:, 1] = values[split.naming, 0] = 1
    values[np.flatnonzero(split.held_out)[:active], 0] = 1
    activations: Activations = stored_activations(folder, values)
    votes = WordVotes(
        word_votes(_both_on_a(terms), terms.first_piece).votes, np.full((2, 3), -1, dtype=np.int32)
    )
    (lifts,) = member_lifts(
        [[np.array([0, 1])]], votes, activations, terms, held_out=split.held_out
    )
    return lifts.lift


def _both_on_a(terms: TokenTerms) -> Evidence:
    a = terms.shown.index("a")
    one = np.ones((2, 1), dtype=np.float32)
    term = np.full((2, 1), a, dtype=np.int32)
    return Evidence(term, one, one, np.array([9, 9]), terms.shown, terms.core)


def test_a_member_needs_five_active_held_out_words(tmp_path: Path) -> None:
    assert LEAST_CONTEXTS == 5
    assert np.isnan(_two_members(4, tmp_path)[0])
    # Of the first five words of "a b a b …", three are "a"; "a" is half of the twelve words.
    assert _two_members(5, tmp_path)[0] == pytest.approx((3 / 6) / (5 / 12))


def test_words_are_counted_once_however_many_tokens_they_have() -> None:
    tokens: pa.Table = token_table([" straw", "berry", " the", " straw", "berry"])
    terms = token_terms(tokens)
    counts = held_out_words(terms, np.array([True, True, True, False, True]))
    assert counts[terms.shown.index("strawberry")] == 2
    assert counts[terms.shown.index("the")] == 1
    only = held_out_words(terms, np.array([False] * 5))
    assert only.tolist() == [0, 0]
