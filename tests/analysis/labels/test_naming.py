"""Names against a plain reckoning of the weights, and against planted meanings."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import TABLES, Activations, write_table
from analysis.labels import (
    BEFORE_SHARE,
    BEFORE_WEIGHT,
    KEPT,
    LEAST_LIFT,
    PIECE_WEIGHT,
    Evidence,
    name_clusters,
    name_latents,
    token_evidence,
)
from analysis.terms import token_terms

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
    return token_evidence(stored, tokens)


def test_weights_equal_a_plain_reckoning(
    evidence: Evidence, fires: list[tuple[np.ndarray, np.ndarray]], tokens: pa.Table
) -> None:
    terms = token_terms(tokens)
    for latent, (rows, values) in enumerate(fires):
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
    small = token_evidence(stored, tokens, memory=1)
    for name in ("term", "share", "score", "active"):
        assert getattr(small, name).tobytes() == getattr(evidence, name).tobytes()


def test_latents_are_named_by_what_they_fire_on(evidence: Evidence) -> None:
    names = name_latents(evidence)
    assert set(names.label[SEA].split(" · ")) == {"whale", "ship"}
    assert set(names.label[LAW].split(" · ")) == {"court", "judge"}
    assert names.label[THE] == "the"
    assert names.label[FRUIT] == "strawberry"
    assert names.top_tokens[FRUIT][0] == "strawberry"


def test_nothing_is_said_where_nothing_can_be(evidence: Evidence) -> None:
    names = name_latents(evidence)
    assert names.label[EVERYTHING] == ""
    assert names.label[RARE] == ""
    assert names.top_tokens[RARE][0] == "sail"
    assert names.label[SILENT] == ""
    assert names.top_tokens[SILENT] == []


def test_clusters_are_named_by_their_members_and_differ(evidence: Evidence) -> None:
    clusters = pa.table(
        {"cluster": pa.array([0, 1, 2], pa.int32()), "level": pa.array([0, 0, 1], pa.int8())}
    )
    memberships = pa.table(
        {
            "latent": pa.array([SEA, SEA, LAW, RARE], pa.int32()),
            "level": pa.array([0, 1, 0, 0], pa.int8()),
            "cluster": pa.array([0, 2, 1, 0], pa.int32()),
        },
        schema=TABLES["memberships"],
    )
    named = name_clusters(clusters, memberships, evidence)
    assert named.schema.field("terms").type == TABLES["clusters"].field("terms").type
    labels = named["label"].to_pylist()
    assert "sail" in labels[0]
    assert set(labels[1].split(" · ")) == {"court", "judge"}
    assert set(labels[2].split(" · ")) == {"whale", "ship"}
    terms = {term["term"]: term["latents"] for term in named["terms"][0].as_py()}
    assert terms["whale"] == 1


def test_two_clusters_alike_still_get_different_names(evidence: Evidence) -> None:
    ids = pa.array([0, 1], pa.int32())
    zeros = pa.array([0, 0], pa.int8())
    clusters = pa.table({"cluster": ids, "level": zeros})
    alike = Evidence(
        evidence.term[[SEA, SEA]],
        evidence.share[[SEA, SEA]],
        evidence.score[[SEA, SEA]],
        evidence.active[[SEA, SEA]],
        evidence.shown,
        evidence.core,
        evidence.frequency,
    )
    memberships = pa.table({"latent": ids, "level": zeros, "cluster": ids})
    labels = name_clusters(clusters, memberships, alike)["label"].to_pylist()
    assert labels[0] != labels[1]


def test_no_clusters_no_names(evidence: Evidence) -> None:
    clusters = TABLES["clusters"].empty_table().select(["cluster", "level"])
    named = name_clusters(clusters, TABLES["memberships"].empty_table(), evidence)
    assert named.num_rows == 0
    assert {"label", "terms"} <= set(named.column_names)
