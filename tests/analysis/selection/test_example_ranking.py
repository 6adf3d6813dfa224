"""Latents by examples, against scikit-learn on dense scores and against planted topics."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from analysis.bundle import Bundle
from analysis.bundle.positions import Unit
from analysis.labels.split import held_out_documents
from analysis.runtime.errors import InputError
from analysis.selection import example_ranking as module
from analysis.selection.example_ranking import (
    CANDIDATES,
    DRAWS,
    LEAST,
    ExampleRanking,
    permuted,
    rank_by_examples,
)
from analysis.selection.example_sets import examples_of, units_of_documents

FIRST = "document=0..3,20..37,50..59"


def _dense(bundle: Bundle, unit: Unit) -> np.ndarray:
    """The largest activation of each latent in each unit, [latents, units]."""
    kept = bundle.kept_tokens
    scores = np.zeros((bundle.latents.num_rows, kept.n_units(unit)))
    for latent in range(len(scores)):
        rows, values = bundle.activations.of_latent(latent)
        np.maximum.at(scores[latent], kept.units_of(rows, unit), values)
    return scores


@pytest.mark.parametrize("unit", ["document", "window"])
@pytest.mark.parametrize("second", ["", "document=4..15,40..49"])
def test_the_auc_is_that_of_scikit_learn(
    planted_bundle: Bundle, unit: Unit, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", 3000)  # several blocks
    monkeypatch.setattr(module, "LEAST", 1)
    ranking = rank_by_examples(planted_bundle, FIRST, second, unit)
    scores = _dense(planted_bundle, unit)
    documents = units_of_documents(planted_bundle, unit)
    held = held_out_documents(planted_bundle.kept_tokens.documents, 3)[documents]
    first = examples_of(planted_bundle, FIRST, unit)
    others = examples_of(planted_bundle, second, unit) if second else ~first
    auc = {}
    for name, part in (("naming", ~held), ("held out", held)):
        inside = (first | others) & part
        auc[name] = np.array([roc_auc_score(first[inside], s[inside]) for s in scores])
        assert ranking.counts[name] == ((first & part).sum(), (others & part).sum())
    np.testing.assert_allclose(ranking.auc, auc["held out"][ranking.latents], atol=1e-6)
    np.testing.assert_allclose(ranking.naming_auc, auc["naming"][ranking.latents], atol=1e-6)
    assert (np.diff(ranking.auc) <= 0).all() and len(set(ranking.latents)) == CANDIDATES
    threshold = ranking.naming_auc.min()
    left_out = np.setdiff1d(np.arange(len(scores)), ranking.latents)
    assert auc["naming"][left_out].max() <= threshold + 1e-6
    for share, chosen in (
        (ranking.active_first, first & held),
        (ranking.active_second, others & held),
    ):
        expected = (scores[ranking.latents][:, chosen] > 0).mean(axis=1)
        np.testing.assert_allclose(share, expected)


def test_a_planted_topic_is_found_and_chance_is_not(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAST", 1)
    topic = rank_by_examples(planted_bundle, "captain", "", "window")  # of the sea and of war
    best = topic.latents[:5]
    assert all(latent // 10 in (0, 10) for latent in best), best
    assert 1 / (1 + DRAWS) <= topic.p_values[0] <= 0.05
    chance = rank_by_examples(planted_bundle, "document=0..29", "", "document")
    assert chance.p_values[0] > 0.05
    assert len(chance.null) == DRAWS and 0.5 < np.median(chance.null) < 1


def test_a_draw_that_reaches_the_auc_counts() -> None:
    auc, null = np.array([0.9, 0.8, 0.75, 0.7]), np.array([0.7, 0.8, 0.8, 0.85])
    none = np.zeros(len(auc))
    ranking = ExampleRanking("window", {}, np.arange(len(auc)), auc, none, none, none, null)
    reached = [sum(draw >= own for draw in null.tolist()) for own in auc.tolist()]
    assert reached == [0, 3, 3, 4]
    assert ranking.p_values.tolist() == [(1 + n) / 5 for n in reached]


@pytest.mark.parametrize("which", ["first", "second"])
@pytest.mark.parametrize("part", ["naming", "held out"])
def test_five_examples_of_each_set_and_part_are_enough(
    planted_bundle: Bundle, which: str, part: str
) -> None:
    ids = planted_bundle.kept_tokens.documents
    held_out = held_out_documents(ids, planted_bundle.manifest.parameters.seed)
    masks = {}
    for name, places in (("first", slice(0, LEAST)), ("second", slice(LEAST, 2 * LEAST))):
        masks[name] = np.zeros(len(ids), dtype=bool)
        masks[name][np.flatnonzero(held_out)[places]] = True
        masks[name][np.flatnonzero(~held_out)[places]] = True
    parts = module._parts(planted_bundle, masks["first"], masks["second"], "document")
    assert LEAST == 5 and {each.sizes for each in parts.values()} == {(5, 5)}
    masks[which][np.flatnonzero(masks[which] & (held_out == (part == "held out")))[0]] = False
    with pytest.raises(InputError, match=f"the {which} set has 4 documents among the {part}"):
        module._parts(planted_bundle, masks["first"], masks["second"], "document")


def test_labels_are_permuted_by_whole_documents() -> None:
    documents = np.repeat([3, 5, 9, 12], [1, 2, 2, 4])
    labels = np.array([1, 0, 1, 1, 1, 0, 0, 0, 0], dtype=bool)
    columns = permuted(labels, documents, np.random.default_rng(0))
    assert columns.shape == (9, 1 + DRAWS)
    assert columns[:, 0].tolist() == labels.tolist()
    runs = {"".join(str(int(x)) for x in labels[documents == d]) for d in documents}
    orders = {"".join(str(int(x)) for x in column) for column in columns.T}
    assert len(orders) > 5 and (columns.sum(axis=0) == 4).all()
    assert all(any(order.startswith(run) for run in runs) for order in orders)


def test_too_few_examples_are_explained(planted_bundle: Bundle) -> None:
    with pytest.raises(InputError, match=r"first set has . documents among the"):
        rank_by_examples(planted_bundle, "document=0..3", "", "document")
    with pytest.raises(InputError, match=r"second set has . documents among the"):
        rank_by_examples(planted_bundle, "document=0..50", "", "document")
