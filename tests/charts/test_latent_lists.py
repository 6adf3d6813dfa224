"""The rows of the lists of one latent, against the tables of the bundle."""

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.latents.tokens_of_latent import tokens_of_latent
from charts import latent_lists
from charts.context_snippets import strongest_snippets
from charts.core.text import shown_label
from charts.latent_lists import (
    MOST_LISTED,
    MOST_TOKENS,
    listed_neighbours,
    listed_partners,
    listed_relations,
    listed_tokens,
    names_of,
)
from tests.charts.conftest import with_tables
from tests.charts.dense import dense_matrix, phi

LATENT = 20


def test_partners_are_ranked_with_their_counts_and_contexts(planted_bundle: Bundle) -> None:
    table = listed_partners(planted_bundle, 198, "joint")
    rows = table.rows
    stored = planted_bundle.partners.of(198).to_pylist()
    often = [row["joint_tokens"] for row in stored if row["joint_tokens"] >= 10]
    assert len(often) > MOST_LISTED == rows.num_rows == 20
    assert table.caption.parameters["partners"] == f"20 of {len(often)}"
    assert rows["joint"].to_pylist() == sorted(often, reverse=True)[:MOST_LISTED]
    assert rows["joint_tokens"].to_pylist() == rows["joint"].to_pylist()
    assert all("[" in line for line in rows["snippet"].to_pylist())


def test_neighbours_have_cosine_phi_and_counts(tiny: Bundle) -> None:
    active = dense_matrix(tiny)
    kept = tiny.tokens["kept"].to_numpy(zero_copy_only=False).astype(bool)
    stored = tiny.neighbours.of(LATENT).to_pandas().sort_values("rank")
    rows = listed_neighbours(tiny, LATENT).rows.to_pylist()
    assert [row["latent"] for row in rows] == stored["neighbour"].tolist()
    assert [row["cosine"] for row in rows] == pytest.approx(stored["cosine"].tolist())
    partners = {row["partner"]: row["joint_tokens"] for row in tiny.partners.of(LATENT).to_pylist()}
    for row in rows:
        assert row["joint_tokens"] == partners.get(row["latent"])
        if row["latent"] in partners:
            assert row["phi"] == pytest.approx(phi(active, kept, LATENT, row["latent"]))
        else:
            assert row["phi"] is None


@pytest.mark.parametrize("measure", ["phi", "joint"])
def test_each_list_has_the_strongest_contexts_of_its_latents(tiny: Bundle, measure: str) -> None:
    tables = (
        listed_partners(tiny, LATENT, measure),
        listed_neighbours(tiny, LATENT),
        listed_relations(tiny, LATENT),
    )
    for table in tables:
        assert table.rows.num_rows
        for row in table.rows.to_pylist():
            alone = strongest_snippets(tiny, np.array([row["latent"]]))
            assert row["snippet"] == (alone[row["latent"]].line if alone else "")


def test_relations_are_seen_from_the_latent(tiny: Bundle) -> None:
    listed = tiny.relations.all().to_pylist()
    directions = set()
    for one in listed[::3]:
        for own, other in ((one["a"], one["b"]), (one["b"], one["a"])):
            rows = [r for r in listed_relations(tiny, own).rows.to_pylist() if r["latent"] == other]
            assert [row["q_value"] for row in rows] == [one["q_value"]]
            assert rows[0]["joint_tokens"] == one["joint_tokens"]
            if one["relation"] == "implication":
                directions.add((rows[0]["relation"], own == one["a"]))
    assert directions == {("it implies", True), ("is implied by", False)}
    assert listed_relations(tiny, 119).rows.num_rows == 0


def test_an_unlabelled_latent_is_named_by_its_top_tokens(tiny: Bundle) -> None:
    latents = tiny.latents.to_pylist()
    (name,) = names_of(tiny, np.array([21]))
    assert name == f"{shown_label(latents[21]['label'], 26)} · 21"
    bundle = with_tables(
        tiny,
        latents=tiny.latents.set_column(
            tiny.latents.column_names.index("label"), "label", pa.array([""] * len(latents))
        ),
    )
    (name,) = names_of(bundle, np.array([21]))
    assert name.startswith("“") and name.endswith("” · 21")


def test_the_active_tokens_of_a_long_list_are_those_of_all_tokens(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latent_lists, "MOST_TOKENS", 2)
    listed = listed_tokens(planted_bundle, 198)
    assert listed.rows.num_rows == 2
    active = planted_bundle.latents["active_tokens"][198].as_py()
    assert listed.caption.parameters["active_tokens"] == f"{active:,}"


def test_the_tokens_are_those_of_the_range_with_their_numbers(planted_bundle: Bundle) -> None:
    every = listed_tokens(planted_bundle, 198)
    tokens = tokens_of_latent(planted_bundle, 198)
    assert every.rows.equals(tokens.slice(0, MOST_TOKENS))
    active = planted_bundle.latents["active_tokens"][198].as_py()
    listed = f"{every.rows.num_rows} of {tokens.num_rows}"
    assert every.caption.parameters["active_tokens"] == f"{active:,}"
    assert every.caption.parameters["different_tokens"] == listed
    values = np.sort(planted_bundle.activations.of_latent(198)[1])
    regime = float(values[active // 2]), float(values[-1])
    part = listed_tokens(planted_bundle, 198, regime)
    assert part.rows.equals(tokens_of_latent(planted_bundle, 198, regime).slice(0, MOST_TOKENS))
    assert part.title.endswith("in the range") and "range" in part.caption.parameters
    dead = listed_tokens(planted_bundle, 190)
    assert dead.rows.num_rows == 0 and dead.note == "It is active on no token."
