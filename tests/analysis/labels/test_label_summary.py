"""Counts of labels by hand and against loops over random labels."""

import random
from collections.abc import Sequence

import pyarrow as pa
import pytest

from analysis.labels import SEPARATOR
from analysis.labels.label_summary import LabelSummary, label_summary


def table(rows: Sequence[tuple[str, str | None, float | None, float | None]]) -> pa.Table:
    """Latents from (flag, label, precision, recall)."""
    flags, labels, precision, recall = zip(*rows, strict=True)
    return pa.table(
        {
            "flag": pa.array(flags).dictionary_encode(),
            "label": pa.array(labels, pa.string()),
            "label_precision": pa.array(precision, pa.float32()),
            "label_recall": pa.array(recall, pa.float32()),
        }
    )


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("orcs · …cs", "words"),
        ("…cs · orcs", "words"),
        (", · you", "words"),
        ("слово", "words"),
        ("of", "words"),
        ("…ing · un…", "pieces"),
        ("a · …b…", "pieces"),
        (", · .", "signs"),
        ("␣×3 → · 0", "signs"),
        ("", "unnamed"),
        (None, "unnamed"),
    ],
)
def test_a_label_is_of_the_kind_of_its_most_readable_term(label: str | None, kind: str) -> None:
    summary = label_summary(table([("live", label, None, None)]))
    kinds = ("words", "pieces", "signs", "unnamed")
    assert {name: getattr(summary, name) for name in kinds} == {
        name: name == kind for name in kinds
    }
    assert summary.scored == summary.right == summary.complete == 0


def test_only_live_latents_count_and_scores_at_the_limit_are_good() -> None:
    rows = [
        ("live", "sea", 0.5, 0.5),
        ("live", "sea", 0.5, 0.49),
        ("live", "sea", 0.49, 0.9),
        ("live", "sea", None, 0.9),
        ("dense", "sea", 0.9, 0.9),
        ("dead", "", None, None),
    ]
    assert label_summary(table(rows)) == LabelSummary(4, 4, 0, 0, 0, 3, 2, 1)


def test_random_labels_are_counted_as_by_a_loop() -> None:
    draw = random.Random(3)
    terms = ["sea", "…sea", "un…", "a", ",", "¼", "ü", "über", "12"]
    labels = [SEPARATOR.join(draw.choices(terms, k=draw.randrange(4))) for _ in range(500)]

    def kind(label: str) -> str:
        parts = [term for term in label.split(SEPARATOR) if term]
        if any("…" not in term and sum(map(str.isalpha, term)) > 1 for term in parts):
            return "words"
        if any(map(str.isalpha, label)):
            return "pieces"
        return "signs" if parts else "unnamed"

    summary = label_summary(table([("live", label, None, None) for label in labels]))
    for name in ("words", "pieces", "signs", "unnamed"):
        assert getattr(summary, name) == sum(kind(label) == name for label in labels) > 0
