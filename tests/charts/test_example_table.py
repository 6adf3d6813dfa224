"""The table of the latents that tell two sets apart."""

from pathlib import Path

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from analysis.selection.example_ranking import rank_by_examples
from charts.example_table import COLUMNS, example_table, example_values
from tests.planted_profiles import planted_languages, with_profiles

FIRST = "document=0..29"


def test_the_rows_are_the_ranking_with_names(planted_bundle: Bundle) -> None:
    table = example_table(planted_bundle, FIRST, "", "document")
    ranking = rank_by_examples(planted_bundle, FIRST, "", "document")
    assert table.rows.column_names == list(COLUMNS)
    assert table.rows["latent"].to_pylist() == ranking.latents.tolist()
    np.testing.assert_array_equal(table.rows["auc"].to_numpy(), ranking.auc)
    np.testing.assert_array_equal(table.rows["p_value"].to_numpy(), ranking.p_values)
    labels, tokens = (planted_bundle.latents[c].to_pylist() for c in ("label", "top_tokens"))
    assert table.rows["label"].to_pylist() == [
        labels[i] or ", ".join(f"“{token.strip()}”" for token in tokens[i][:3])
        for i in ranking.latents
    ]
    a, b = ranking.counts["held out"]
    assert a + b == 20 and table.note is not None
    assert f"N = {a} documents of the first set and {b} of the second" in table.note
    null = sorted(ranking.null.tolist())
    middle, most = (numbers.fraction(null[i]) for i in (len(null) // 2, -1))
    assert middle != most and f"{middle} (median of {len(null)}) and at most {most};" in table.note
    held_out, naming = (ranking.counts[part] for part in ("held out", "naming"))
    assert table.caption.parameters["held_out"] == f"{held_out[0]} against {held_out[1]}"
    assert table.caption.parameters["for_the_choice"] == f"{naming[0]} against {naming[1]}"
    assert table.title == f"Latents more active in {FIRST} than in all others"


def test_a_set_that_cannot_be_read_is_explained(planted_bundle: Bundle) -> None:
    with pytest.raises(InputError, match="no document has one"):
        example_table(planted_bundle, "source=x", "", "document")


def test_the_values_of_most_documents_are_named(planted_bundle: Bundle, tmp_path: Path) -> None:
    languages = planted_languages(planted_bundle)
    classes = [f"class {min(i // 8, 4)}" for i in range(len(languages))]
    columns = {"language": languages, "class": classes}
    values = example_values(with_profiles(planted_bundle, tmp_path, columns))
    assert values["class"] == ["class 4", "class 0", "class 1", "…"]
    counts = {one: languages.count(one) for one in languages}
    assert values["language"] == sorted(counts, key=lambda one: (-counts[one], one))
    assert example_values(planted_bundle) == {}
