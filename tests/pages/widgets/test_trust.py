"""Sentences on the reliability of labels, clusters and maps."""

import contextlib
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
import streamlit as st

from analysis.bundle import Bundle, LevelName, Manifest
from analysis.decoder.map_verdict import MapName
from analysis.runtime import numbers
from pages.widgets.markdown import plain
from pages.widgets.trust import (
    cluster_evidence,
    cluster_explanation,
    cluster_trust,
    clustering_trust,
    explanation,
    label_score,
    map_trust,
    relation_rules,
)


def scored(row: dict[str, object], monkeypatch: pytest.MonkeyPatch, bundle: Bundle) -> str:
    """The text that is shown for an explanation."""
    shown = captions(monkeypatch)
    explanation(row, bundle)
    return " ".join(shown)


@pytest.mark.parametrize(
    ("precision", "recall", "expected"),
    [
        (
            0.5,
            0.25,
            "precision **50\u00a0%** (of 600 words), recall **25\u00a0%** (of 1,200 words)",
        ),
        (None, 0.0, "it names no held-out word"),
        (None, None, "no score"),
    ],
)
def test_an_explanation_is_shown_with_its_score(
    precision: float | None,
    recall: float | None,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    planted_bundle: Bundle,
) -> None:
    row: dict[str, object] = {
        "explanation": "dogs",
        "explanation_source": "imported: mine.csv",
        "explanation_precision": precision,
        "explanation_recall": recall,
        "label_contexts": 1200,
    }
    text = scored(row, monkeypatch, planted_bundle)
    assert "dogs" in text and expected in text
    assert scored(row | {"explanation": ""}, monkeypatch, planted_bundle) == ""


def captions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that Streamlit is called with, each followed by the help beside it."""
    written: list[str] = []

    def write(text: str, **options: str | None) -> None:
        meaning = options.get("help")
        written.append(f"{text} | {meaning}" if meaning else text)

    for element in ("markdown", "caption", "warning", "info"):
        monkeypatch.setattr(st, element, write)
    return written


@pytest.mark.parametrize(
    ("precision", "recall", "lift", "verdict"),
    [
        (0.5, 0.5, 1.1, "is mostly right and covers most"),
        (1.0, 0.006, 9.0, "names only a small part of what the latent fires on**"),
        (1.0, 0.249, 9.0, "names only a small part"),
        (1.0, 0.25, 9.0, "is right where it applies and misses most"),
        (0.49, 0.5, 9.0, "is too broad"),
        (0.49, 0.49, 9.0, "is a weak description"),
        (0.9, 0.9, 1.09, "no better than chance"),
    ],
)
def test_the_score_of_a_label(
    precision: float,
    recall: float,
    lift: float,
    verdict: str,
    monkeypatch: pytest.MonkeyPatch,
    planted_bundle: Bundle,
) -> None:
    written = captions(monkeypatch)
    scores = {"label_precision": precision, "label_recall": recall, "label_lift": lift}
    row = {"label": "dogs", "outside_label": 0.734, "label_contexts": 1000} | scores
    label_score(row, planted_bundle)
    (text,) = written
    predicted = round(round(1000 * recall) / precision)
    text, meaning = text.split(" | ")
    assert f"precision **{100 * precision:g}\u00a0%** (of {predicted:,} words)" in text
    assert f"recall **{100 * recall:g}\u00a0%** (of 1,000 words)" in text
    assert f"{lift:g} times as often as by chance" in meaning
    assert verdict in text
    assert text.endswith("73\u00a0% of its activation is on tokens that the label does not name.")


CLUSTER: dict[str, object] = {
    "space": "decoder",
    "level": 0,
    "evidence": "7 of 9 members fire most on “noun”.",
    "member_share": 0.694,
    "member_lift_other_words": 1.23,
    "main_source": "",
    "main_source_share": 0.3,
}


def test_the_score_of_a_cluster_stands_beside_random_clusters(
    monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    written = captions(monkeypatch)
    cluster_evidence(CLUSTER, planted_bundle)
    labels = planted_bundle.manifest.labels
    assert labels is not None
    random = next(one.random for one in labels.levels if (one.space, one.level) == ("decoder", 0))
    share = numbers.percent(random.share, 2)
    text, meaning = written[0].split(" | ")
    assert text == f"The name fits **69\u00a0%** of the members (random clusters: {share})."
    assert "fires at least 5 times as often as by chance, in held-out documents" in meaning
    assert "the median is 1.23 times as often; 2 or more means" in meaning
    assert meaning.endswith(plain("7 of 9 members fire most on “noun”."))
    assert len(written) == 1


@pytest.mark.parametrize(("lift", "shared"), [(1.99, False), (2.0, True), (None, False)])
def test_members_share_more_than_one_word_from_a_lift_on(
    lift: float | None, shared: bool, monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    written = captions(monkeypatch)
    cluster_evidence(CLUSTER | {"member_lift_other_words": lift}, planted_bundle)
    text = written[0].split(" | ")[0]
    assert text.endswith("They share more than one word.") == shared


def test_a_cluster_of_one_source_is_marked(
    monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    written = captions(monkeypatch)
    row = CLUSTER | {"main_source": "sotu", "main_source_share": 0.57}
    cluster_evidence(row | {"evidence": "", "member_share": None}, planted_bundle)
    assert written == [
        "57\u00a0% of the activity of this cluster is in one source, sotu: its members may "
        "have this source in common rather than a meaning."
    ]
    cluster_evidence(CLUSTER | {"member_lift_other_words": None, "level": 9}, planted_bundle)
    assert written[-1].startswith("The name fits **69\u00a0%** of the members. | It fits a member")
    assert "most typical" not in written[-1]
    cluster_evidence(CLUSTER | {"member_share": None}, planted_bundle)
    assert written[-1] == plain("7 of 9 members fire most on “noun”.")


@pytest.mark.parametrize(
    ("lift", "expected"), [(2.5, "2.5 times as often as by chance"), (None, "no score")]
)
def test_the_explanation_of_a_cluster_has_a_lift(
    lift: float | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = captions(monkeypatch)
    row = {"explanation": "dogs", "explanation_source": "model: m", "explanation_lift": lift}
    cluster_explanation(row)
    assert "dogs" in written[0] and plain("model: m") in written[0] and expected in written[1]
    cluster_explanation(row | {"explanation": ""})
    assert len(written) == 2


def test_labels_without_a_score(monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle) -> None:
    written = captions(monkeypatch)
    row: dict[str, object] = {
        "label": "dogs",
        "label_precision": None,
        "label_recall": 0.0,
        "label_lift": None,
        "outside_label": None,
    }
    label_score(row, planted_bundle)
    label_score(row | {"label_recall": None}, planted_bundle)
    label_score(row | {"label": ""}, planted_bundle)
    assert "its precision is undefined" in written[0] and "no score" in written[1]
    assert len(written) == 2


@pytest.mark.parametrize(
    ("stability", "bootstrap", "expected"),
    [
        (0.5, 0.5, []),
        (0.49, 0.5, ["other seeds give other clusters (stability 0.49, bootstrap 0.5"]),
        (0.5, 0.49, ["resampled latents give other clusters (stability 0.5, bootstrap 0.49"]),
        (0.1, 0.2, ["other seeds and resampled latents give other clusters"]),
    ],
)
def test_weak_clusters(
    stability: float, bootstrap: float, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    written = captions(monkeypatch)
    row = {"stability": stability, "bootstrap": bootstrap, "believable": None, "member_lift": 9.0}
    cluster_trust(row)
    assert len(written) == len(expected)
    for text, part in zip(written, expected, strict=True):
        assert part in text


def with_clusters(
    bundle: Bundle, manifest: Manifest, rows: list[dict[str, Any]] | None = None
) -> Bundle:
    """The bundle with another manifest, and with other values of its clusters."""
    changed, clusters = replace(bundle, manifest=manifest), bundle.clusters
    if rows is not None:
        every = zip(clusters.to_pylist(), rows, strict=True)
        clusters = pa.Table.from_pylist([row | new for row, new in every], clusters.schema)
    changed.__dict__["clusters"] = clusters
    return changed


@pytest.mark.parametrize(("stability", "warns"), [(0.49, True), (0.5, False)])
def test_weak_levels(
    stability: float, warns: bool, monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    written = captions(monkeypatch)
    level = planted_bundle.manifest.clustering[0].model_copy(
        update={"stability": stability, "null_stability": None}
    )
    manifest = planted_bundle.manifest.model_copy(update={"clustering": [level]})
    bundle = with_clusters(planted_bundle, manifest)
    clustering_trust(bundle, level.name)
    assert any("weak evidence" in text for text in written) == warns
    written.clear()
    clustering_trust(bundle, LevelName("cooccurrence", level.level))
    assert written == []


def test_a_cluster_that_is_not_above_its_null_is_weak(monkeypatch: pytest.MonkeyPatch) -> None:
    written = captions(monkeypatch)
    row = {
        "stability": 0.75, "bootstrap": 0.7, "believable": False, "stability_null": 0.8,
        "bootstrap_null": 0.6,
    }  # fmt: skip
    cluster_trust(row)
    assert "clusters of stability up to 0.8 and bootstrap up to 0.6" in written[0]
    assert written[0].endswith("(this one has 0.75 and 0.7).")
    cluster_trust(row | {"believable": True, "member_lift": 1.01})
    cluster_trust(row | {"believable": True, "member_lift": None})
    assert len(written) == 1


def test_without_a_hit_the_number_of_predicted_words_is_not_stated(
    monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    written = captions(monkeypatch)
    row = {
        "label": "sea", "label_precision": 0.0, "label_recall": 0.0, "label_lift": 0.0,
        "label_contexts": 8, "outside_label": None,
    }  # fmt: skip
    label_score(row, planted_bundle)
    assert "precision **0\u00a0%**, recall **0\u00a0%** (of 8 words)." in written[0]


def test_the_largest_values_of_random_data_are_stated(
    monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    written = captions(monkeypatch)
    level = planted_bundle.manifest.clustering[0]
    rows: list[dict[str, Any]] = [
        {"stability_null": 0.25, "bootstrap_null": 0.375, "believable": True}
        for _ in range(planted_bundle.clusters.num_rows)
    ]
    clustering_trust(with_clusters(planted_bundle, planted_bundle.manifest, rows), level.name)
    assert written[0].endswith("of any cluster of random data: 0.25 and 0.375.")


def test_a_believable_cluster_without_shared_words_is_a_grouping_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = captions(monkeypatch)
    cluster_trust({"stability": 0.9, "bootstrap": 0.9, "believable": True, "member_lift": 1.0})
    assert written[0].startswith("Only the grouping reappears. The median member fires 1 times")


def test_the_null_of_a_level_is_named(
    monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    written = captions(monkeypatch)
    level = planted_bundle.manifest.clustering[-1].model_copy(
        update={"stability": 0.9, "null_stability": 0.125, "null_draws": 5, "null_latents": 186}
    )
    manifest = planted_bundle.manifest.model_copy(update={"clustering": [level]})
    clustering_trust(with_clusters(planted_bundle, manifest), level.name)
    assert level.space == "cooccurrence"
    assert "On random data it is 0.125" in written[1]
    assert (
        "5 draws of 186 latents (activations of each latent shifted by its own random distance "
        "in documents)" in written[1]
    )
    of_level = planted_bundle.clusters.to_pylist()[
        -planted_bundle.manifest.clustering[-1].clusters :
    ]
    largest = [max(row[f"{name}_null"] for row in of_level) for name in ("stability", "bootstrap")]
    assert largest == [0, 0]
    assert written[0].endswith("Here no cluster of random data comes back at all.")
    nothing = level.model_copy(update={"null_stability": None})
    manifest = planted_bundle.manifest.model_copy(update={"clustering": [nothing]})
    clustering_trust(with_clusters(planted_bundle, manifest), level.name)
    assert "has no null draw of these clusters" in written[3]
    assert len(written) == 4 and all("A cluster reappears if" in written[i] for i in (0, 2))


def labels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The labels of the badges."""
    written: list[str] = []

    def popover(label: str, **_: object) -> contextlib.nullcontext[None]:
        written.append(label)
        return contextlib.nullcontext()

    captions(monkeypatch)
    monkeypatch.setattr(st, "popover", popover)
    return written


@pytest.mark.parametrize(
    ("agreement", "believable", "label"),
    [
        (0.5, [True, False, False], "1 of 3 clusters reproducible"),
        (0.49, [True, False, False], "1 of 3 clusters reproducible · weak"),
        (0.5, [None, None, None], "2 of 3 clusters reappear (chance not drawn)"),
    ],
)
def test_the_badge_counts_the_clusters_of_its_level(
    agreement: float,
    believable: list[bool | None],
    label: str,
    monkeypatch: pytest.MonkeyPatch,
    planted_bundle: Bundle,
) -> None:
    shown = labels(monkeypatch)
    level = planted_bundle.manifest.clustering[0].model_copy(update={"stability": agreement})
    manifest = planted_bundle.manifest.model_copy(update={"clustering": [level]})
    values = [(0.5, 0.5), (0.9, 0.6), (0.9, 0.49)]
    rows = [
        {
            "cluster": i,
            "space": level.space if i < len(values) else "cooccurrence",
            "level": level.level,
            "stability": values[i % 3][0],
            "bootstrap": values[i % 3][1],
            "believable": believable[i % 3],
        }
        for i in range(planted_bundle.clusters.num_rows)
    ]
    bundle = with_clusters(planted_bundle, manifest, rows)
    clustering_trust(bundle, level.name)
    assert shown == [label]


@pytest.mark.parametrize(
    ("recall", "null", "agreement", "label"),
    [
        (0.328, 0.064, None, "Neighbours kept: 33\u00a0% (6\u00a0% by chance)"),
        (0.0772, None, None, "Neighbours kept: 8\u00a0% (chance not drawn) · weak"),
        (0.3, 0.1, 0.3, "Neighbours kept: 30\u00a0% (10\u00a0% by chance)"),
        (
            0.9,
            None,
            0.29,
            "Neighbours kept: 90\u00a0% (chance not drawn) · another seed keeps 29\u00a0% · weak",
        ),
        (None, 0.1, None, "Neighbours kept: not measured · weak"),
        (
            0.3,
            None,
            0.29,
            "Neighbours kept: 30\u00a0% (chance not drawn) · another seed keeps 29\u00a0% · weak",
        ),
        (0.29, None, 0.1, "Neighbours kept: 29\u00a0% (chance not drawn) · weak"),
        (0.29, None, 0.9, "Neighbours kept: 29\u00a0% (chance not drawn) · weak"),
        (0.5, None, 0.3, "Neighbours kept: 50\u00a0% (chance not drawn)"),
    ],
)
def test_the_badge_of_a_map(
    recall: float | None,
    null: float | None,
    agreement: float | None,
    label: str,
    monkeypatch: pytest.MonkeyPatch,
    planted_bundle: Bundle,
) -> None:
    shown = labels(monkeypatch)
    quality = planted_bundle.manifest.map.model_copy(
        update={"knn_recall": recall, "agreement": agreement}
    )
    of_null = None if null is None else quality.model_copy(update={"knn_recall": null})
    manifest = planted_bundle.manifest.model_copy(update={"map": quality, "null_map": of_null})
    map_trust(replace(planted_bundle, manifest=manifest), "decoder")
    assert shown == [label]


def test_the_badge_of_a_map_opens_its_measures_by_their_names(
    monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    quality = planted_bundle.manifest.map.model_copy(
        update={"knn_recall": 0.328, "trustworthiness": 0.91, "agreement": 0.53}
    )
    null = quality.model_copy(
        update={"knn_recall": 0.064, "trustworthiness": None, "agreement": 0.11}
    )
    manifest = planted_bundle.manifest.model_copy(update={"map": quality, "null_map": null})
    written: list[str] = []
    monkeypatch.setattr(st, "markdown", written.append)
    map_trust(replace(planted_bundle, manifest=manifest), "decoder")
    assert (
        plain(
            "Measured: kNN recall@10 0.328 (null 0.064), trustworthiness 0.910, agreement of seeds "
            "0.530 (null 0.110)."
        )
        in written[0]
    )


@pytest.mark.parametrize("map_name", ["decoder", "cooccurrence"])
def test_the_recall_of_the_null_stands_beside_that_of_the_map(
    map_name: MapName, monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    recalls = {"decoder": 0.0125, "cooccurrence": 0.0425}
    quality = planted_bundle.manifest.map
    null_maps = {
        field: quality.model_copy(update={"knn_recall": recalls[name]})
        for field, name in (("null_map", "decoder"), ("null_map_cooccurrence", "cooccurrence"))
    }
    written: list[str] = []
    monkeypatch.setattr(st, "markdown", written.append)
    manifest = planted_bundle.manifest.model_copy(update=null_maps)
    map_trust(replace(planted_bundle, manifest=manifest), map_name)
    assert f"keeps {numbers.percent(recalls[map_name])} of the ten nearest" in written[0].replace(
        "\\", ""
    )
    without = manifest.model_copy(update=dict.fromkeys(null_maps))
    map_trust(replace(planted_bundle, manifest=without), map_name)
    assert "has no null draw of this map" in written[1]


def test_a_label_without_a_lift_is_judged_by_precision_and_recall(
    monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    written = captions(monkeypatch)
    row: dict[str, object] = {
        "label": "sea", "label_precision": 0.5, "label_recall": 0.5, "label_lift": None,
        "label_contexts": 8,
    }  # fmt: skip
    label_score(row | {"outside_label": None}, planted_bundle)
    assert "by chance" not in written[0] and "mostly right and covers most" in written[0]
    words = planted_bundle.manifest.labels
    assert words is not None
    assert written[0].startswith(f"Label on {words.held_out_words:,} held-out words: precision")
    bare = replace(
        planted_bundle, manifest=planted_bundle.manifest.model_copy(update={"labels": None})
    )
    label_score(row | {"outside_label": None}, bare)
    assert written[1].startswith("Label: precision")


def test_the_rules_of_a_relation_count_listed_and_tested_pairs(
    monkeypatch: pytest.MonkeyPatch, planted_bundle: Bundle
) -> None:
    written = captions(monkeypatch)
    rules = planted_bundle.manifest.relations
    changed = [
        one.model_copy(update={"listed": 1200 + i, "tested": 34_000 + i})
        for i, one in enumerate(rules)
    ]
    manifest = planted_bundle.manifest.model_copy(update={"relations": changed})
    bundle = replace(planted_bundle, manifest=manifest)
    relation_rules(bundle, "all")
    assert len(written) == len(rules) > 1
    for i, text in enumerate(written):
        assert f"{1200 + i:,} of {34_000 + i:,} tested pairs" in text
        assert f"all tests of its family: {plain(rules[i].family, 1000)}" in text
    written.clear()
    relation_rules(bundle, rules[1].relation)
    assert len(written) == 1 and "1,201 of 34,001 tested pairs" in written[0]
