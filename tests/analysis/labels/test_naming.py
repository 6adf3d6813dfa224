"""Labels against planted meanings, and the scores of shared terms against dense sums."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import TABLES
from analysis.labels.evidence import Evidence
from analysis.labels.naming import (
    LEAST_HOLDERS,
    LEAST_SHARE,
    RELATIVE_SCORE,
    Name,
    explained_ballot,
    latent_names,
    promoted_ballot,
    shared_terms,
    token_ballot,
    top_terms,
    top_tokens,
)
from tests.analysis.labels.conftest import EVERYTHING, FRUIT, LAW, RARE, SEA, SILENT, THE


@pytest.fixture(scope="module")
def names(evidence: Evidence) -> list[Name]:
    return latent_names(evidence, top_terms(evidence))


@pytest.fixture(scope="module")
def tops(evidence: Evidence) -> list[list[str]]:
    return top_tokens(evidence, top_terms(evidence))


def test_latents_are_named_by_what_they_fire_on(names: list[Name], tops: list[list[str]]) -> None:
    assert set(names[SEA].text.split(" · ")) == {"whale", "ship"}
    assert set(names[LAW].text.split(" · ")) == {"court", "judge"}
    assert names[THE].text == "the"
    assert names[FRUIT].text == "strawberry"
    assert tops[FRUIT][0] == "strawberry"


def test_latents_without_evidence_have_no_label(names: list[Name], tops: list[list[str]]) -> None:
    assert names[EVERYTHING].text == ""
    assert names[RARE].text == ""
    assert tops[RARE][0] == "sail"
    assert names[SILENT].text == ""
    assert tops[SILENT] == []


def test_a_label_is_made_of_its_terms(evidence: Evidence, names: list[Name]) -> None:
    for name in names:
        assert name.text == " · ".join(evidence.shown[term] for term in name.terms)


def _level(*levels: int) -> list[tuple[str, int]]:
    """Levels of the decoder space."""
    return [("decoder", level) for level in levels]


def test_the_score_of_a_shared_term_is_class_based_tf_idf(evidence: Evidence) -> None:
    """tf · log(1 + A / f) · n / (n + 1), computed from dense votes."""
    members = [[SEA, FRUIT], [LAW, SEA, THE]]
    ballot = token_ballot(evidence, top_terms(evidence))
    shared = shared_terms([np.array(ids) for ids in members], _level(0, 0), ballot)
    votes, holds = (np.asarray(m.todense()) for m in (ballot.votes, ballot.holds))
    of_class = np.array([votes[ids].sum(axis=0) for ids in members])
    mean, of_term = of_class.sum(axis=1).mean(), of_class.sum(axis=0)
    for row, ids in enumerate(members):
        for term in shared[row]:
            n = holds[ids][:, term.term].sum()
            share = of_class[row, term.term] / of_class[row].sum()
            weight = share * np.log1p(mean / of_term[term.term]) * n / (n + 1)
            assert term.latents == n
            assert term.score == pytest.approx(weight, rel=1e-5)


def test_clusters_are_compared_inside_their_space_and_level(evidence: Evidence) -> None:
    ballot = token_ballot(evidence, top_terms(evidence))
    sea, law = np.array([SEA]), np.array([SEA, LAW])
    alone, other_level, other_space, both = (
        shared_terms(members, levels, ballot)[0]
        for members, levels in [
            ([sea], _level(0)),
            ([sea, law], _level(0, 1)),
            ([sea, law], [("decoder", 0), ("cooccurrence", 0)]),
            ([sea, law], _level(0, 0)),
        ]
    )
    assert alone == other_level == other_space
    assert both != alone


def test_members_share_promoted_tokens_and_words_of_explanations() -> None:
    logits = pa.table(
        {
            "latent": [0, 0, 0, 1, 1, 2, 2],
            "sign": ["positive", "positive", "negative", "positive", "positive", "positive",
                     "positive"],
            "rank": [0, 1, 0, 0, 1, 0, 1],
            "token": [" Whale", " sea", " no", "whale", " ship", " court", " sea"],
            "effect": [3.0, 1.0, -2.0, 2.0, 2.0, 1.0, 1.0],
        }
    ).cast(TABLES["logits"])  # fmt: skip
    members, levels = [np.array([0, 1]), np.array([2, 3])], _level(0, 0)
    promoted = promoted_ballot(logits, 4)
    shared = shared_terms(members, levels, promoted, 2)
    assert [[promoted.shown[t.term] for t in row] for row in shared] == [["Whale"], []]
    assert promoted.votes.sum(axis=1).ravel().tolist() == [[1, 1, 1, 0]]
    explained = explained_ballot([["sea", "animals"], ["sea", "ships"], ["law"], []])
    shared = shared_terms(members, levels, explained, 2)
    assert [[(explained.shown[t.term], t.latents) for t in row] for row in shared] == [
        [("sea", 2)],
        [],
    ]


def one_latent(shares: list[float], scores: list[float], active: int = 50) -> Evidence:
    """Evidence of one latent for terms a, b, c, ... that do not contain each other."""
    count = len(shares)
    return Evidence(
        term=np.arange(count, dtype=np.int32)[None],
        share=np.array([shares], dtype=np.float32),
        score=np.array([scores], dtype=np.float32),
        active=np.array([active]),
        shown=list("abcdefgh"[:count]),
        core=list("abcdefgh"[:count]),
    )


def label_of(evidence: Evidence) -> str:
    return latent_names(evidence, top_terms(evidence))[0].text


def test_a_term_of_a_label_has_a_share_of_the_first_ones_score() -> None:
    assert RELATIVE_SCORE == 0.35
    assert label_of(one_latent([0.5, 0.5, 0.5], [1.0, 0.36, 0.34])) == "a · b"


def test_the_score_is_relative_to_the_first_term_that_has_enough_activation() -> None:
    assert LEAST_SHARE == 0.05
    assert label_of(one_latent([0.04, 0.06, 0.06], [1.0, 0.3, 0.2])) == "b · c"
    assert label_of(one_latent([0.04, 0.04], [1.0, 0.3])) == ""


def test_a_label_has_at_most_three_terms() -> None:
    assert label_of(one_latent([0.5] * 5, [1.0] * 5)) == "a · b · c"


@pytest.mark.parametrize(("active", "label"), [(4, ""), (5, "a")])
def test_a_latent_needs_five_active_tokens_for_a_label(active: int, label: str) -> None:
    assert label_of(one_latent([0.5], [1.0], active)) == label


def test_terms_that_repeat_an_earlier_one_are_not_shown() -> None:
    evidence = replace(
        one_latent([0.5] * 4, [0.9, 0.8, 0.7, 0.6]),
        shown=["patient", "Patients", "pat", "ill"],
        core=["patient", "patients", "pat", "ill"],
    )
    # "pat" is shorter than a stem of four letters.
    assert top_tokens(evidence, top_terms(evidence)) == [["patient", "pat", "ill"]]


def test_a_stem_of_four_letters_repeats_what_it_is_contained_in() -> None:
    words = ["ships", "ship", "sea"]
    evidence = replace(one_latent([0.5] * 3, [0.9, 0.8, 0.7]), shown=words, core=words)
    assert top_tokens(evidence, top_terms(evidence)) == [["ships", "sea"]]


@pytest.mark.parametrize(("least", "terms"), [(1, 2), (2, 1)])
def test_a_shared_term_needs_enough_holders(least: int, terms: int) -> None:
    ballot = explained_ballot([["sea", "ship"], ["sea"]])
    assert len(shared_terms([np.array([0, 1])], _level(0), ballot, least)[0]) == terms
    assert LEAST_HOLDERS == 2


def test_shared_terms_of_one_score_are_in_the_order_in_which_they_first_occur() -> None:
    ballot = explained_ballot([["ship", "anchor", "sea"], ["sea", "anchor", "ship"]])
    (shared,) = shared_terms([np.array([0, 1])], _level(0), ballot, 2)
    assert len({term.score for term in shared}) == 1
    assert [ballot.shown[term.term] for term in shared] == ["ship", "anchor", "sea"]


def test_at_most_eight_terms_of_a_latent_and_ten_of_a_cluster_are_shown() -> None:
    words = ["ant", "bee", "cow", "dog", "elk", "fox", "gnu", "hen", "ibis", "jay", "kite", "lark"]
    count = len(words)
    evidence = replace(
        one_latent([0.05] * count, [1.0 - 0.01 * i for i in range(count)]), shown=words, core=words
    )
    assert top_tokens(evidence, top_terms(evidence)) == [words[:8]]
    ballot = explained_ballot([words, words])
    (shared,) = shared_terms([np.array([0, 1])], _level(0), ballot, 2)
    assert [ballot.shown[term.term] for term in shared] == words[:10]
