"""The latent and the pair that a page opens with: of a tour, else those with the best labels."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle, open_bundle
from analysis.cooccurrence.ranking import ranked_partners
from analysis.selection.tours.first_views import (
    LEAST_F1,
    LEAST_WORDS,
    first_latent,
    first_pair,
    reads_well,
)
from analysis.selection.tours.tour import TOURS
from tests.analysis.selection.tours.test_tour import DUPLICATES
from tests.charts.conftest import with_tables

Scores = dict[int, tuple[str, float, float, int]]
"""Label, precision, recall and held-out words, by latent."""


def scored(bundle: Bundle, scores: Scores) -> Bundle:
    """The bundle with these labels and scores only."""
    rows: list[dict[str, Any]] = bundle.latents.to_pylist()
    for row in rows:
        label, precision, recall, words = scores.get(row["latent"], ("", None, None, 0))
        row |= {
            "label": label,
            "label_precision": precision,
            "label_recall": recall,
            "label_contexts": words,
        }
    return with_tables(bundle, latents=pa.Table.from_pylist(rows, bundle.latents.schema))


def toured(bundle: Bundle, folder: Path, tours: list[dict[str, Any]]) -> Bundle:
    copy = Path(shutil.copytree(bundle.path, folder / "toured"))
    (copy / TOURS).write_text(json.dumps(tours), encoding="utf-8")
    return open_bundle(copy)


@pytest.mark.parametrize(
    ("label", "expected"),
    [("sea", True), ("海水", True), ("sea · …ing", False), ("…ing", False), ("|", False),
     ("42", False), ("x", False), ("__", False), ("", False)],
)  # fmt: skip
def test_a_label_reads_well_if_it_has_a_word_and_no_part_of_one(label: str, expected: bool) -> None:
    assert reads_well(label) == expected


def test_the_latent_with_the_best_label_is_first(planted_bundle: Bundle) -> None:
    good = ("sea", 0.9, 0.5, LEAST_WORDS)
    better = ("sail", 0.8, 0.7, LEAST_WORDS)
    assert first_latent(scored(planted_bundle, {5: good, 9: better})) == 9
    assert first_latent(scored(planted_bundle, {5: good, 9: good})) == 5
    rare = ("mast", 1.0, 1.0, LEAST_WORDS - 1)
    part, dense = ("…ast", 1.0, 1.0, 900), ("the", 1.0, 1.0, 900)
    assert planted_bundle.latents["flag"][198].as_py() == "dense"
    bundle = scored(planted_bundle, {5: good, 9: rare, 10: part, 198: dense})
    assert first_latent(bundle) == 5


def test_without_a_score_no_latent_is_first(planted_bundle: Bundle) -> None:
    bundle = scored(planted_bundle, {5: ("sea", 0.0, 0.0, LEAST_WORDS)})
    assert first_latent(bundle) is None and first_pair(bundle) is None


@pytest.mark.parametrize(
    ("latent", "expected"), [("7", 7), ("199", 199), ("200", 5), ("seven", 5), ("-1", 5)]
)
def test_a_tour_to_the_latent_page_comes_first(
    planted_bundle: Bundle, tmp_path: Path, latent: str, expected: int
) -> None:
    tour = DUPLICATES | {"page": "latent", "query": {"latent": latent}}
    bundle = toured(planted_bundle, tmp_path, [DUPLICATES, tour])
    assert first_latent(scored(bundle, {5: ("sea", 0.9, 0.5, LEAST_WORDS)})) == expected


def test_a_wrong_file_of_tours_does_not_matter(planted_bundle: Bundle, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(planted_bundle.path, tmp_path / "toured"))
    (copy / TOURS).write_text("[1]", encoding="utf-8")
    bundle = scored(open_bundle(copy), {5: ("sea", 0.9, 0.5, LEAST_WORDS)})
    assert first_latent(bundle) == 5


def test_the_strongest_pair_whose_labels_differ_is_first(planted_bundle: Bundle) -> None:
    flags = planted_bundle.latents["flag"].to_pylist()
    a = 8
    ranked = ranked_partners(planted_bundle, a, "phi", most=10)["partner"].to_pylist()
    one, two, *_ = (partner for partner in ranked if flags[partner] == "live")
    best, well = ("sea", 0.9, 0.9, 90), (LEAST_F1, LEAST_F1, 90)

    def first(scores: Scores) -> set[int]:
        return set(first_pair(scored(planted_bundle, scores)) or ())

    assert first({a: best, one: ("sail", *well)}) == {a, one}
    assert first({a: best, one: ("Sea", *well)}) == set()
    assert first({a: best, one: ("…ail", *well)}) == set()
    assert first({a: ("sea", 0.3, 0.3, 90), one: ("sail", 0.3, 0.3, 90)}) == set()
    # The second latent of the strongest pair has the label of the first one or a weak one.
    assert first({a: best, one: ("…ail", *well), two: ("mast", *well)}) == {a, two}
    assert first({a: best}) == set()


def test_of_two_pairs_the_one_with_the_larger_phi_is_first(planted_bundle: Bundle) -> None:
    flags = planted_bundle.latents["flag"].to_pylist()
    live = [latent for latent in range(planted_bundle.latents.num_rows) if flags[latent] == "live"]
    pairs = ranked_partners(planted_bundle, np.array(live), "phi", most=3).to_pylist()
    pairs = [row for row in pairs if flags[row["partner"]] == "live"]
    weakest = min(pairs, key=lambda row: row["phi"])
    strongest = max(pairs, key=lambda row: row["phi"])
    named = [row[name] for row in (weakest, strongest) for name in ("latent", "partner")]
    assert len(set(named)) == 4
    labels = ("sea", "sail", "mast", "ship")
    scores = {i: (label, 0.9, 0.9, 90) for i, label in zip(named, labels, strict=True)}
    assert set(first_pair(scored(planted_bundle, scores)) or ()) == set(named[2:])
