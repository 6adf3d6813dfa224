"""Notes of clusters in other bundles, against sets."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.notes.reattachment import (
    LEAST_OVERLAP,
    attachments,
    members_of_clusters,
    overlaps,
)
from analysis.notes.subjects import ClusterOrigin, Subject, cluster_subject


def members_of(bundle: Bundle) -> dict[int, set[int]]:
    rows = bundle.memberships
    sets: dict[int, set[int]] = {i: set() for i in range(bundle.clusters.num_rows)}
    for cluster, latent in zip(
        rows["cluster"].to_pylist(), rows["latent"].to_pylist(), strict=True
    ):
        sets[cluster].add(latent)
    return sets


def subject_in(bundle: Bundle, cluster: int, members: set[int]) -> Subject:
    space = bundle.clusters["space"][cluster].as_py()
    return cluster_subject(members, ClusterOrigin("old", cluster, space))


@pytest.fixture(scope="module")
def sets(planted_bundle: Bundle) -> dict[int, set[int]]:
    return members_of(planted_bundle)


def test_the_overlap_is_the_jaccard_index(
    planted_bundle: Bundle, sets: dict[int, set[int]]
) -> None:
    own = set(range(5, 27)) | {500}
    expected = [len(own & theirs) / len(own | theirs) for theirs in sets.values()]
    assert max(expected) > 0
    clusters = members_of_clusters(planted_bundle)
    np.testing.assert_allclose(overlaps(clusters, own), expected)
    spaces = planted_bundle.clusters["space"].to_pylist()
    inside = [e if s == "decoder" else 0 for e, s in zip(expected, spaces, strict=True)]
    np.testing.assert_allclose(overlaps(clusters, own, "decoder"), inside)


def test_a_cluster_with_the_same_members_has_the_note(
    planted_bundle: Bundle, sets: dict[int, set[int]]
) -> None:
    (attached,) = attachments(planted_bundle, [subject_in(planted_bundle, 3, sets[3])], {})
    assert (attached.overlap, attached.reason, attached.is_on_cluster) == (1.0, "same", True)
    assert sets[attached.cluster or 0] == sets[3]


def test_a_changed_cluster_keeps_its_note_and_says_how_well(
    planted_bundle: Bundle, sets: dict[int, set[int]]
) -> None:
    ordered = sorted(sets[3])
    fewer = subject_in(planted_bundle, 3, set(ordered[1:]))
    (attached,) = attachments(planted_bundle, [fewer], {})
    assert attached.reason == "overlap" and attached.is_on_cluster
    theirs = sets[attached.cluster or 0]
    assert attached.overlap == len(set(ordered[1:]) & theirs) / len(set(ordered[1:]) | theirs)
    assert attached.overlap >= (len(ordered) - 1) / len(ordered)


def test_half_of_the_members_is_the_least(
    planted_bundle: Bundle, sets: dict[int, set[int]]
) -> None:
    """Members of the largest cluster and latents that are in none of its space."""
    space = planted_bundle.clusters["space"][3].as_py()
    spaces = planted_bundle.clusters["space"].to_pylist()
    foreign = set(range(1000, 1000 + len(sets[3])))
    (at_least,) = attachments(
        planted_bundle, [subject_in(planted_bundle, 3, sets[3] | foreign)], {}
    )
    (below,) = attachments(
        planted_bundle, [subject_in(planted_bundle, 3, sets[3] | foreign | {5000})], {}
    )
    best = max(
        len(sets[3] & theirs) / len(sets[3] | foreign | theirs)
        for cluster, theirs in sets.items()
        if spaces[cluster] == space
    )
    assert at_least.overlap == best == LEAST_OVERLAP and at_least.is_on_cluster
    assert below.reason == "changed" and not below.is_on_cluster and below.cluster is not None
    assert 0.4 < below.overlap < LEAST_OVERLAP


def test_a_set_without_shared_latents_is_on_no_cluster(planted_bundle: Bundle) -> None:
    (attached,) = attachments(planted_bundle, [cluster_subject([5000, 5001])], {})
    assert (attached.cluster, attached.overlap, attached.reason) == (None, 0.0, "changed")


def test_two_notes_that_claim_a_cluster_ask(
    planted_bundle: Bundle, sets: dict[int, set[int]]
) -> None:
    ordered = sorted(sets[3])
    one = subject_in(planted_bundle, 3, set(ordered[1:]))
    two = subject_in(planted_bundle, 3, set(ordered[:-1]))
    three = subject_in(planted_bundle, 3, sets[3] | {5000})
    attached = attachments(planted_bundle, [one, two], {})
    assert [one.reason for one in attached] == ["claimed"] * 2
    assert not any(one.is_on_cluster for one in attached)
    cluster = attached[0].cluster
    assert attached[1].cluster == cluster
    # A reader decides for one of them: the other one still asks.
    decided = attachments(planted_bundle, [one, two], {one.key: cluster, two.key: None})
    assert [(one.reason, one.is_on_cluster) for one in decided] == [
        ("reader", True),
        ("removed", False),
    ]
    kept = attachments(planted_bundle, [one, two], {one.key: cluster})
    assert [one.reason for one in kept] == ["reader", "claimed"]
    exact = attachments(planted_bundle, [subject_in(planted_bundle, 3, sets[3]), three], {})
    assert [one.reason for one in exact] == ["same", "claimed"]


def test_a_decision_for_a_cluster_that_does_not_exist_is_ignored(
    planted_bundle: Bundle, sets: dict[int, set[int]]
) -> None:
    subject = subject_in(planted_bundle, 3, sets[3])
    for cluster in (-1, 100_000):
        assert attachments(planted_bundle, [subject], {subject.key: cluster})[0].reason == "same"


def test_a_reader_may_choose_a_cluster_of_another_space(
    planted_bundle: Bundle, sets: dict[int, set[int]]
) -> None:
    subject = subject_in(planted_bundle, 3, sets[3])
    spaces = planted_bundle.clusters["space"].to_pylist()
    others = [i for i, space in enumerate(spaces) if space != spaces[3]]
    other = max(others, key=lambda i: len(sets[3] & sets[i]))
    (attached,) = attachments(planted_bundle, [subject], {subject.key: other})
    expected = len(sets[3] & sets[other]) / len(sets[3] | sets[other])
    assert expected > 0
    assert attached.cluster == other and attached.overlap == pytest.approx(expected)


def test_a_bundle_without_clusters_has_none(planted_bundle: Bundle) -> None:
    empty = replace(planted_bundle)
    vars(empty)["clusters"] = planted_bundle.clusters.slice(0, 0)
    vars(empty)["memberships"] = planted_bundle.memberships.slice(0, 0)
    (attached,) = attachments(empty, [cluster_subject([1, 2])], {})
    assert (attached.cluster, attached.overlap, attached.reason) == (None, 0.0, "changed")
