"""Sentences on how far labels, clusters and maps can be trusted."""

import pytest
import streamlit as st

from analysis.bundle import Bundle
from pages.widgets.trust import explanation


def scored(row: dict[str, object], monkeypatch: pytest.MonkeyPatch, bundle: Bundle) -> str:
    """What is said of an explanation."""
    said: list[str] = []
    monkeypatch.setattr(st, "markdown", said.append)
    monkeypatch.setattr(st, "caption", said.append)
    explanation(row, bundle, "the latent")
    return " ".join(said)


@pytest.mark.parametrize(
    ("precision", "recall", "expected"),
    [
        (0.5, 0.25, "precision 50\u00a0%"),
        (None, 0.0, "it names no held-out word"),
        (None, None, "no score"),
    ],
)
def test_an_explanation_says_its_own_score(
    precision: float | None,
    recall: float | None,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    planted_bundle: Bundle,
) -> None:
    row = {
        "explanation": "dogs",
        "explanation_source": "imported: mine.csv",
        "explanation_precision": precision,
        "explanation_recall": recall,
    }
    said = scored(row, monkeypatch, planted_bundle)
    assert "dogs" in said and expected in said
    assert scored(row | {"explanation": ""}, monkeypatch, planted_bundle) == ""
