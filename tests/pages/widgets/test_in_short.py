"""The sentences on the labels of an SAE against hand-written counts."""

import pytest
import streamlit as st

from analysis.bundle import Bundle
from analysis.labels.label_summary import LabelSummary, label_summary
from pages.widgets.in_short import in_short, labels_sentence
from pages.widgets.reading import clusters_by_space


def test_shares_are_of_the_live_and_of_the_scored_latents() -> None:
    text = labels_sentence(LabelSummary(200, 100, 50, 30, 20, 80, 40, 8))
    for part in (
        "its 200 live latents",
        "50\u00a0% whole words, 25\u00a0% pieces of words, 15\u00a0% punctuation",
        "10\u00a0% have none.",
        "**50\u00a0%** of the 80 labels with a score",
        "but only 10\u00a0% also name",
    ):
        assert part in text


def test_without_scores_only_the_kinds_are_stated() -> None:
    text = labels_sentence(LabelSummary(200, 100, 50, 30, 20, 0, 0, 0))
    assert text.endswith("10\u00a0% have none.")


def test_labels_and_clusters_of_a_bundle(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(st, "markdown", written.append)
    in_short(planted_bundle)
    (text,) = written
    assert text.startswith(labels_sentence(label_summary(planted_bundle.latents)))
    assert text.endswith(f"Clusters by {clusters_by_space(planted_bundle)}.")
