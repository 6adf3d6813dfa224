"""The sentence of evidence, and the lift of a cluster's explanation."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import write_table
from analysis.bundle.schema import TABLES
from analysis.labels.cluster_evidence import evidence_sentences, explanation_lifts
from analysis.labels.cluster_names import ClusterName
from analysis.labels.descriptions import Kind
from analysis.labels.material import Material
from analysis.labels.split import split_tokens
from analysis.labels.terms import token_terms
from tests.analysis.labels.corpora import stored_activations, token_table

PLAIN = ClusterName("noun · verb", [Kind.PLAIN, Kind.PLAIN], ["noun", "verb"], 0.456, 7, 9)


def test_the_evidence_states_the_share_the_members_and_the_score() -> None:
    signs = ClusterName("line breaks", [Kind.GROUP], ["line breaks"], 1, 4, 4)
    nothing = ClusterName("", [], [], 0, 0, 3)
    found = evidence_sentences(
        [PLAIN, signs, nothing], np.array([8.71, np.nan, 2], dtype=np.float32), [9, 6, 3]
    )
    assert found == [
        "In each half of the documents that the name is made from, at least 46\u00a0% of the "
        "activation of its 9 members is on “noun” or “verb” (or another form of these words), and "
        "7 of them fire there. In held-out documents, a member fires 8.71 times as often as by "
        "chance on the words that the other members name (median of the members).",
        "In each half of the documents that the name is made from, 100\u00a0% of the activation of "
        "its 4 members (without 2 dense or duplicate latents) is on line breaks, and 4 of them "
        "fire there. There are too few held-out words for a score.",
        "",
    ]


def test_the_lift_of_an_explanation_is_the_median_over_the_members(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vocabulary = [" sea", " ship", " law", " the"]
    documents = [[vocabulary[i] for i in rng.integers(0, 4, 60)] for _ in range(9)]
    tokens = token_table(*documents)
    word = np.array([text.strip() for document in documents for text in document])
    values = np.stack(
        [
            np.isin(word, ["sea", "ship"]),
            np.isin(word, ["sea"]),
            np.isin(word, ["sea", "the"]),
            np.isin(word, ["law"]),
        ],
        axis=1,
    ).astype(float)
    write_table(tmp_path, "relations", TABLES["relations"].empty_table())
    material = Material(
        tmp_path,
        stored_activations(tmp_path, values),
        pa.table({"active_tokens": [9] * 4, "flag": ["live"] * 4}),
        pa.table({"cluster": [0, 1, 2], "space": ["decoder"] * 3, "level": [0] * 3}),
        pa.table({"latent": [0, 1, 2, 3, 3], "cluster": [0, 0, 0, 1, 2]}),
    )
    split = split_tokens(tokens, 0)
    lifts = explanation_lifts(
        ["the sea", "unknown", ""], material, token_terms(tokens), split, 1 << 20
    )
    of_sea = word[split.held_out] == "sea"
    fires = values[split.held_out]
    expected = np.median([fires[of_sea, i].mean() / fires[:, i].mean() for i in range(3)])
    assert lifts[0] == pytest.approx(expected, rel=1e-5)
    assert np.isnan(lifts[1:]).all()
