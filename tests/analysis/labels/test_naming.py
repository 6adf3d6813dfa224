"""Names against a plain reckoning of the weights, and against planted meanings."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import TABLES, Activations, write_table
from analysis.labels.evidence import (
    BEFORE_SHARE,
    BEFORE_WEIGHT,
    KEPT,
    LEAST_LIFT,
    PIECE_WEIGHT,
    Evidence,
    token_evidence,
)
from analysis.labels.naming import (
    LatentNames,
    SharedTerm,
    cluster_labels,
    explained_ballot,
    name_latents,
    raised_ballot,
    shared_terms,
    token_ballot,
    top_terms,
)
from analysis.labels.terms import token_terms

WORDS = [" whale", " ship", " sail", " court", " judge", " the", " of", " straw", "berry", ",", "↵"]
SEA, LAW, THE, FRUIT, EVERYTHING, RARE, SILENT = range(7)
N = 4_000


@pytest.fixture(scope="module")
def tokens() -> pa.Table:
    rng = np.random.default_rng(0)
    chance = np.array([2, 2, 2, 2, 2, 20, 10, 3, 0, 8, 4], dtype=float)
    words = rng.choice(len(WORDS), N, p=chance / chance.sum())
    for row in range(1, N):
        if words[row - 1] == WORDS.index(" straw"):
            words[row] = WORDS.index("berry")
    return pa.table(
        {
            "document": np.repeat(np.arange(8), N // 8),
            "position": np.tile(np.arange(N // 8, dtype=np.int32), 8),
            "token": pa.array([WORDS[w] for w in words]).dictionary_encode(),
            "kept": np.ones(N, dtype=bool),
            "active_latents": np.zeros(N, dtype=np.int32),
        }
    )


@pytest.fixture(scope="module")
def fires(tokens: pa.Table) -> list[tuple[np.ndarray, np.ndarray]]:
    """Token rows and activations of every latent."""
    rng = np.random.default_rng(1)
    text = np.array(tokens["token"].to_pylist())
    sets = [
        np.flatnonzero(np.isin(text, [" whale", " ship"])),
        np.flatnonzero(np.isin(text, [" court", " judge"])),
        np.sort(np.concatenate([np.flatnonzero(text == " the"), rng.choice(N, 20, replace=False)])),
        np.flatnonzero(text == "berry"),
        np.flatnonzero(rng.random(N) < 0.5),
        np.flatnonzero(text == " sail")[:3],
        np.empty(0, dtype=int),
    ]
    return [(np.unique(s), rng.gamma(3, 1, len(np.unique(s))).astype(np.float32)) for s in sets]


@pytest.fixture(scope="module")
def stored(
    fires: list[tuple[np.ndarray, np.ndarray]], tmp_path_factory: pytest.TempPathFactory
) -> Activations:
    folder: Path = tmp_path_factory.mktemp("tables")
    rows = np.concatenate([f[0] for f in fires]).astype(np.uint32)
    values = np.concatenate([f[1] for f in fires])
    write_table(folder, "activations_by_latent", pa.table({"token": rows, "activation": values}))
    return Activations(folder, np.cumsum([len(f[0]) for f in fires]), np.zeros(N, dtype=np.int64))


@pytest.fixture(scope="module")
def evidence(stored: Activations, tokens: pa.Table) -> Evidence:
    return token_evidence(stored, token_terms(tokens), naming=np.ones(N, dtype=bool))


@pytest.fixture(scope="module")
def names(evidence: Evidence) -> LatentNames:
    return name_latents(evidence, top_terms(evidence))


@pytest.mark.parametrize("named_share", [1.0, 0.6])
def test_weights_equal_a_plain_reckoning(
    stored: Activations,
    fires: list[tuple[np.ndarray, np.ndarray]],
    tokens: pa.Table,
    named_share: float,
) -> None:
    naming = np.random.default_rng(2).random(N) < named_share
    terms = token_terms(tokens, naming)
    evidence = token_evidence(stored, terms, naming=naming)
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
    evidence: Evidence, stored: Activations, tokens: pa.Table
) -> None:
    everywhere = np.ones(N, dtype=bool)
    small = token_evidence(stored, token_terms(tokens), naming=everywhere, memory=1)
    for name in ("term", "share", "score", "active"):
        assert getattr(small, name).tobytes() == getattr(evidence, name).tobytes()


def test_latents_are_named_by_what_they_fire_on(names: LatentNames) -> None:
    assert set(names.label[SEA].split(" · ")) == {"whale", "ship"}
    assert set(names.label[LAW].split(" · ")) == {"court", "judge"}
    assert names.label[THE] == "the"
    assert names.label[FRUIT] == "strawberry"
    assert names.top_tokens[FRUIT][0] == "strawberry"


def test_nothing_is_said_where_nothing_can_be(names: LatentNames) -> None:
    assert names.label[EVERYTHING] == ""
    assert names.label[RARE] == ""
    assert names.top_tokens[RARE][0] == "sail"
    assert names.label[SILENT] == ""
    assert names.top_tokens[SILENT] == []


def test_a_label_is_made_of_its_terms(evidence: Evidence, names: LatentNames) -> None:
    for label, terms in zip(names.label, names.label_terms, strict=True):
        assert label == " · ".join(evidence.shown[term] for term in terms)


def _clusters(levels: list[int], members: list[list[int]]) -> tuple[pa.Table, pa.Table]:
    """The cluster and the membership table of clusters given by their members."""
    clusters = pa.table(
        {"cluster": pa.array(range(len(levels)), pa.int32()), "level": pa.array(levels, pa.int8())}
    )
    rows = [(m, levels[c], c) for c, ids in enumerate(members) for m in ids]
    columns = {
        name: [row[place] for row in rows]
        for place, name in enumerate(("latent", "level", "cluster"))
    }
    return clusters, pa.table(columns, schema=TABLES["memberships"])


def _named(
    clusters: pa.Table, memberships: pa.Table, evidence: Evidence
) -> tuple[list[str], list[list[SharedTerm]]]:
    ballot = token_ballot(evidence, top_terms(evidence))
    shared = shared_terms(clusters, memberships, ballot)
    labels, terms = cluster_labels(clusters, shared, ballot.shown)
    assert [label.split(" (")[0] for label in labels] == [
        " · ".join(ballot.shown[term] for term in row) for row in terms
    ]
    return labels, shared


def test_clusters_are_named_by_their_members_and_differ(evidence: Evidence) -> None:
    tables = _clusters([0, 0, 1], [[SEA, RARE], [LAW], [SEA]])
    labels, shared = _named(*tables, evidence)
    assert "sail" in labels[0]
    assert set(labels[1].split(" · ")) == {"court", "judge"}
    assert set(labels[2].split(" · ")) == {"whale", "ship"}
    members_with = {evidence.shown[found.term]: found.latents for found in shared[0]}
    assert members_with["whale"] == 1


def test_the_weight_of_a_shared_term_is_class_based_tf_idf(evidence: Evidence) -> None:
    """tf · log(1 + A / f) · n / (n + 1), reckoned from dense votes."""
    members = [[SEA, FRUIT], [LAW, SEA, THE]]
    _, shared = _named(*_clusters([0, 0], members), evidence)
    ballot = token_ballot(evidence, top_terms(evidence))
    votes, holds = (np.asarray(m.todense()) for m in (ballot.votes, ballot.holds))
    of_class = np.array([votes[ids].sum(axis=0) for ids in members])
    mean, of_term = of_class.sum(axis=1).mean(), of_class.sum(axis=0)
    for row, ids in enumerate(members):
        for found in shared[row]:
            n = holds[ids][:, found.term].sum()
            share = of_class[row, found.term] / of_class[row].sum()
            weight = share * np.log1p(mean / of_term[found.term]) * n / (n + 1)
            assert (found.latents, found.score) == (n, pytest.approx(weight, rel=1e-5))


def test_two_clusters_alike_still_get_different_names(evidence: Evidence) -> None:
    labels, _ = _named(*_clusters([0, 0, 1], [[SEA], [SEA], [SEA]]), evidence)
    assert labels[0] != labels[1]
    assert labels[0] == labels[2]


def test_no_clusters_no_names(evidence: Evidence) -> None:
    clusters = TABLES["clusters"].empty_table().select(["cluster", "level"])
    assert _named(clusters, TABLES["memberships"].empty_table(), evidence) == ([], [])


def test_clusters_of_which_nothing_is_known_have_no_name(evidence: Evidence) -> None:
    labels, _ = _named(*_clusters([0, 0], [[SILENT], [EVERYTHING]]), evidence)
    assert labels == ["", ""]


def test_what_members_raise_and_what_their_explanations_share() -> None:
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
    clusters, memberships = _clusters([0, 0], [[0, 1], [2, 3]])
    raised = raised_ballot(logits, 4)
    found = shared_terms(clusters, memberships, raised, 2)
    assert [[raised.shown[t.term] for t in row] for row in found] == [["Whale"], []]
    assert raised.votes.sum(axis=1).ravel().tolist() == [[1, 1, 1, 0]]
    explained = explained_ballot([["sea", "animals"], ["sea", "ships"], ["law"], []])
    found = shared_terms(clusters, memberships, explained, 2)
    assert [[(explained.shown[t.term], t.latents) for t in row] for row in found] == [
        [("sea", 2)],
        [],
    ]
