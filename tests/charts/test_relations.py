"""Relations of pairs, against independent counts."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from charts.relations import RELATIONS, relation_points, relation_rows
from tests.charts.conftest import CLUSTERS, DEAD, LISTED

EVERY = np.ones(120, dtype=bool)


LATENTS = 120


@pytest.mark.parametrize("relation", ["all", *RELATIONS])
def test_listed_relations_are_shown_and_flagged_ones_are_hidden_and_counted(
    tiny: Bundle, relation: str
) -> None:
    flags = tiny.latents["flag"].to_pylist()
    listed = [
        row for row in tiny.relations.all().to_pylist() if relation in ("all", row["relation"])
    ]
    unflagged = [
        row
        for row in listed
        if all(flags[row[end]] == "live" for end in ("a", "b", "parent") if row[end] is not None)
    ]
    rows, hidden = relation_rows(tiny, EVERY, relation)
    pairs = [(row["a"], row["b"]) for row in rows.to_pylist()]
    assert sorted(pairs) == sorted((row["a"], row["b"]) for row in unflagged)
    assert hidden == len(listed) - len(unflagged)
    assert rows["q_value"].to_pylist() == sorted(rows["q_value"].to_pylist())
    assert relation_rows(tiny, EVERY, relation, hide_flags=False)[0].num_rows == len(listed)
    assert f"{hidden:,} pairs with a dense" in str(relation_points(tiny, EVERY, relation).note)
    wanted = sum(LISTED.values()) if relation == "all" else LISTED[relation]
    assert len(listed) == wanted


def test_pairs_with_an_ultralow_latent_or_parent_are_hidden(tiny: Bundle) -> None:
    flags = tiny.latents["flag"].to_pylist()
    shown, _ = relation_rows(tiny, EVERY)
    every, _ = relation_rows(tiny, EVERY, hide_flags=False)
    for end in ("a", "b", "parent"):
        assert any(i is not None and flags[i] == "ultralow" for i in every[end].to_pylist()), end
        assert not any(i is not None and flags[i] == "ultralow" for i in shown[end].to_pylist())
    assert any(parent is not None for parent in shown["parent"].to_pylist())


def test_relations_of_a_selection_have_one_or_both_latents_in_it(tiny: Bundle) -> None:
    chosen = EVERY.copy()
    chosen[: DEAD + CLUSTERS] = False
    rows, _ = relation_rows(tiny, chosen, hide_flags=False)
    inside, _ = relation_rows(tiny, chosen, hide_flags=False, within=True)
    a, b = (tiny.relations.all()[end].to_numpy() for end in "ab")
    assert rows.num_rows == (chosen[a] | chosen[b]).sum()
    assert inside.num_rows == (chosen[a] & chosen[b]).sum() < rows.num_rows


@pytest.mark.parametrize(
    ("parent", "flagged", "hidden"),
    [(0, 0, 1), (0, LATENTS - 1, 0), (None, LATENTS - 1, 0), (LATENTS - 1, LATENTS - 1, 1)],
)
def test_a_pair_is_hidden_by_the_flag_of_its_parent_of_any_id(
    tiny: Bundle, parent: int | None, flagged: int, hidden: int
) -> None:
    pair = tiny.relations.all().slice(0, 1).to_pylist()[0] | {"parent": parent}
    listed = pa.Table.from_pylist([pair], tiny.relations.all().schema)
    flags = ["dense" if i == flagged else "live" for i in range(LATENTS)]
    latents = tiny.latents.set_column(
        tiny.latents.schema.get_field_index("flag"), "flag", pa.array(flags).dictionary_encode()
    )
    bundle = SimpleNamespace(latents=latents, relations=SimpleNamespace(all=lambda: listed))
    rows, count = relation_rows(bundle, EVERY)  # type: ignore[arg-type]
    assert (rows.num_rows, count) == (1 - hidden, hidden)
