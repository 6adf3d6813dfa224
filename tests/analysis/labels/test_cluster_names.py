"""Names of clusters that share what the test gives them, term by term."""

from collections.abc import Sequence

import numpy as np
import pytest

from analysis.labels.cluster_names import FEW, MIXED, MOST_TERMS, ClusterName, cluster_names
from analysis.labels.descriptions import Kind, Readable
from analysis.labels.evidence import Evidence
from analysis.labels.naming import top_terms

Best = Sequence[str]
"""The best terms of a latent, best first."""


def _named(clusters: Sequence[Sequence[Best]], levels: Sequence[int] = ()) -> list[ClusterName]:
    """The names of clusters of latents with these best terms; ? begins a sign."""
    latents = [best for cluster in clusters for best in cluster]
    shown = list(dict.fromkeys(term for best in latents for term in best))
    width = max(len(best) for best in latents)
    term = np.full((len(latents), width), -1, dtype=np.int32)
    score = np.zeros((len(latents), width), dtype=np.float32)
    for row, best in enumerate(latents):
        term[row, : len(best)] = [shown.index(text) for text in best]
        score[row, : len(best)] = [2.0**-rank for rank in range(len(best))]
    evidence = Evidence(term, score, score, np.full(len(latents), 9), shown, shown)
    readable = Readable(
        np.arange(len(shown), dtype=np.int32),
        [Kind.GROUP if text.startswith("?") else Kind.PLAIN for text in shown],
        [text.strip("?") for text in shown],
    )
    ends = np.cumsum([len(cluster) for cluster in clusters])
    members = np.split(np.arange(len(latents)), ends[:-1])
    at = [("decoder", level) for level in levels or [0] * len(clusters)]
    return cluster_names(members, at, evidence, top_terms(evidence), readable)


def test_a_name_has_the_words_that_several_members_fire_most_on() -> None:
    sea, law = _named([[["whale", "ship"]] * 3 + [["tide"]], [["court"]] * 2])
    assert sea.text == "whale · ship"
    assert (sea.holders, sea.members) == (3, 4)
    assert law.text == "court"


def test_a_fourth_best_term_is_not_what_a_member_fires_most_on() -> None:
    (name,) = _named([[["a1", "b1", "c1", "zeta"], ["a2", "b2", "zeta"], ["zeta"]]])
    assert name.text == "zeta"
    assert name.holders == 2


def test_each_further_term_describes_members_that_the_others_do_not() -> None:
    """The term "ship" scores more than "tide", but only "whale" members have it."""
    members = [["whale"]] * 3 + [["whale", "ship"]] * 3 + [["tide"]] * 2
    (name,) = _named([members])
    assert name.text == "whale · tide"
    assert name.holders == 8


def test_a_term_of_half_of_the_members_counts_in_full() -> None:
    rare, common = _named(
        [[["whale", "ship"]] * 3 + [["whale"]] * 4, [["court", "judge"]] * 3 + [["court"]] * 3]
    )
    assert rare.text == "whale"
    assert common.text == "court · judge"


def test_more_terms_describe_clusters_without_a_common_word() -> None:
    pairs = [[f"word{chr(97 + i)}"] for i in range(8) for _ in range(2)]
    (name,) = _named([pairs])
    assert len(name.terms) == 4  # half of the members
    (wider,) = _named([[[f"word{chr(97 + i)}"] for i in range(16) for _ in range(2)]])
    assert len(wider.terms) == MOST_TERMS == 5
    (narrow,) = _named([[["sea"]] * 6 + [["law"]] * 4 + [["tax"]] * 3 + [["war"]] * 2])
    assert narrow.text == "sea · law · tax"


@pytest.mark.parametrize(
    ("members", "text"),
    [
        # Each best term has twice the activation of the second, and four times that of the third.
        ([["?commas", "whale"]] * 4, "whale"),
        ([["?commas", "ship", "whale"]] * 4, "ship · whale"),
        ([["?commas", "whale"]] * 3 + [["?commas"]], "commas"),
        ([["?commas"]] * 2 + [["whale", "?commas"]] * 2, "whale"),
        ([["?commas"]] * 3 + [["whale"]] * 2, "whale"),
        ([["?commas"]] * 5 + [["whale"]] * 2, "commas"),
        # Exactly half of the activation, on fewer members.
        ([["whale", "?commas"]] * 2 + [["?commas"]] * 3, "whale"),
        ([["whale", "?commas"]] * 2 + [["?commas"]] * 4, "commas"),
        # Less than half of it, on exactly as many members.
        ([["?commas", "?stops", "whale"]] * 2, "whale"),
    ],
)
def test_signs_name_a_cluster_only_if_its_words_do_not(members: list[Best], text: str) -> None:
    """Words need half of the activation of signs, or as many members."""
    assert FEW == 0.5
    (name,) = _named([members])
    assert name.text == text


def test_a_description_does_not_repeat_one_that_it_contains() -> None:
    members = [["?quotes with commas", "?commas"]] * 4 + [["?commas"]] * 3
    other = [["?commas"]] * 9
    name, _ = _named([members, other])
    assert set(name.terms) == {"commas", "quotes with commas"}
    assert name.holders == 7


def test_terms_of_no_two_members_are_the_last_resort() -> None:
    """A quarter of the members is not a mix; less is."""
    names = _named([[["whale"], ["court"]], [["sea"], [], [], [], []], [["tax"], [], [], []]])
    assert names[0].text == "court · whale" or names[0].text == "whale · court"
    assert names[1].text == "mixed: sea"
    assert names[2].text == "tax"
    assert MIXED == 0.25


def test_names_are_distinct_within_a_level() -> None:
    cluster = [["noun", "plural"], ["noun"], ["noun", "verb"]]
    same = [["noun"], ["noun"]]
    names = [name.text for name in _named([cluster, cluster, same, same, same], [0, 0, 0, 0, 1])]
    assert names[0] == "noun"
    assert names[1] in ("noun · plural", "noun · verb")
    assert names[2:4] == ["noun (2)", "noun (3)"]
    assert names[4] == "noun"


def test_a_phrase_and_its_word_do_not_both_name_a_cluster() -> None:
    (name,) = _named([[["the", "of"], ["of the", "sea"], ["the", "sea"], ["of the", "of"]]])
    assert not {"of", "the"} & set(name.terms) or "of the" not in name.terms


def test_words_come_before_what_describes_the_rest() -> None:
    (first, second) = _named([[["?commas"]] * 3, [["?commas", "zeta"], ["?commas"], ["?commas"]]])
    assert first.text == "commas"
    assert second.text == "commas · zeta"


def test_without_evidence_there_is_no_name() -> None:
    names = _named([[["a b"]], [[], []]])
    assert names[1].text == ""
    assert (names[1].holders, names[1].members, names[1].terms) == (0, 2, [])
