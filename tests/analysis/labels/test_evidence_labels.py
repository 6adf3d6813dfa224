"""Labels of the planted bundle: they name the planted topics, for latents and clusters alike."""

import numpy as np

from analysis.bundle import Bundle
from analysis.labels.evidence_labels import labels_from_evidence
from analysis.labels.material import Material
from analysis.labels.split import split_tokens
from analysis.labels.terms import token_terms
from analysis.runtime.progress import Progress
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
    assert labels.cluster_promoted == [[]] * planted_bundle.clusters.num_rows
    assert np.mean([len(row) > 0 for row in labels.cluster_terms]) > 0.9
