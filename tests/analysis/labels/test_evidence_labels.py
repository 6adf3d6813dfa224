"""Labels of the planted bundle: they name the planted topics, for latents and clusters alike."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import TABLES, Activations, Bundle, write_table
from analysis.labels.evidence_labels import labels_from_evidence
from analysis.labels.material import Material
from analysis.labels.split import split_tokens
from analysis.labels.terms import token_terms
from analysis.runtime.progress import SILENT, Progress
from tests.analysis.labels.conftest import LAW, RARE, SEA
from tests.planted import TOPICS


def test_labels_are_words_of_the_planted_topics(planted_bundle: Bundle) -> None:
    material = Material(
        planted_bundle.path,
        planted_bundle.activations,
        planted_bundle.latents,
        planted_bundle.clusters,
        planted_bundle.memberships,
    )
    split = split_tokens(planted_bundle.tokens, planted_bundle.manifest.parameters.seed)
    terms = token_terms(planted_bundle.tokens, split.naming)
    steps: list[str] = []
    progress = Progress("labels", lambda name, done, total: steps.append(name))
    labels = labels_from_evidence(material, terms, split, 1 << 24, progress)
    assert set(steps) == {"labels"}
    for group, topic in enumerate(TOPICS.values()):
        words = labels.latents[10 * group].text.split(" · ")
        assert {word.casefold() for word in words} <= set(topic.casefold().split())
    assert [name.text for name in labels.latents] == planted_bundle.latents["label"].to_pylist()
    assert [name.text for name in labels.clusters] == planted_bundle.clusters["label"].to_pylist()
    assert labels.words.votes.sum(axis=1).max() == pytest.approx(1)
    assert labels.cluster_promoted == [[]] * planted_bundle.clusters.num_rows
    assert np.mean([len(row) > 0 for row in labels.cluster_terms]) > 0.9


def test_a_cluster_has_the_tokens_that_at_least_two_members_promote(
    small_tokens: pa.Table, small_activations: Activations, tmp_path: Path
) -> None:
    promoted = [(SEA, " tide", 3.0), (SEA, " storm", 1.0), (LAW, " storm", 1.0)]
    rows = [
        {"latent": latent, "sign": "positive", "rank": 0, "token": token, "effect": effect}
        for latent, token, effect in promoted
    ]
    write_table(tmp_path, "logits", pa.Table.from_pylist(rows))
    write_table(tmp_path, "relations", TABLES["relations"].empty_table())
    latents = len(small_activations.latent_ends)
    material = Material(
        tmp_path,
        small_activations,
        pa.table({"flag": ["live"] * latents, "active_tokens": [9] * latents}),
        pa.table({"cluster": [0], "space": ["decoder"], "level": [0]}),
        pa.table({"latent": [SEA, LAW, RARE], "cluster": [0] * 3}),
    )
    split = split_tokens(small_tokens, 0)
    terms = token_terms(small_tokens, split.naming)
    labels = labels_from_evidence(material, terms, split, 1 << 24, SILENT)
    (raised,) = labels.cluster_promoted
    assert [(labels.promoted.shown[one.term], one.latents) for one in raised] == [("storm", 2)]
    fired_on = [labels.tokens.shown[one.term] for one in labels.cluster_terms[0]]
    assert "sail" in fired_on  # of one member; only promoted tokens need two
