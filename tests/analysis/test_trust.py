"""The sentence on a map says what its numbers mean."""

import pytest

from analysis.bundle import MapQuality
from analysis.trust import quality_sentence


def quality(recall: float | None, agreement: float | None = None) -> MapQuality:
    return MapQuality(
        trustworthiness=0.9, knn_recall=recall, latents=10, left_out=0, graph="exact",
        agreement=agreement,
    )  # fmt: skip


@pytest.mark.parametrize(
    "recall, number, verdict",
    [(0.064, "0.6", "says little"), (0.2, "2.0", "a hint"), (0.5, "5.0", "mostly belongs")],
)
def test_recall_becomes_a_count_and_a_verdict(recall: float, number: str, verdict: str) -> None:
    said = quality_sentence(quality(recall))
    assert f"on average {number} are among" in said and verdict in said
    assert "other seeds" not in said


def test_agreement_is_told_where_it_was_measured() -> None:
    assert "other seeds, 3.0 of ten would stay" in quality_sentence(quality(0.3, 0.3))


def test_without_numbers_nothing_is_promised() -> None:
    assert "not measured" in quality_sentence(quality(None))
