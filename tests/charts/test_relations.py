"""Relations of pairs, against independent counts."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from charts.core import cache
from charts.relations import RELATIONS, relation_points, relation_rows
from tests.charts.conftest import CLUSTERS, DEAD, LISTED, with_tables
from tests.charts.drawn import domain_of, drawn_rows, marks

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


def test_the_rows_of_a_selection_are_made_once(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache._results, "limit", cache.LIMIT)
    once, _ = relation_rows(tiny, EVERY, "duplicate")
    again, _ = relation_rows(tiny, EVERY.copy(), "duplicate")
    other, _ = relation_rows(tiny, EVERY, "implication")
    assert again is once and other is not once


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


def bundle_of(tiny: Bundle, rows: list[dict[str, object]]) -> Bundle:
    """A bundle in which these relations are listed."""
    first = tiny.relations.all().slice(0, 1).to_pylist()[0] | {"parent": None}
    listed = pa.Table.from_pylist([first | row for row in rows], tiny.relations.all().schema)
    return with_tables(tiny, relations=SimpleNamespace(all=lambda: listed))


def test_relations_of_equal_q_are_in_the_order_of_their_ids(tiny: Bundle) -> None:
    pairs = [(30, 20, 0.01), (20, 31, 0.01), (20, 30, 0.01), (40, 41, 0.001), (21, 22, 0.02)]
    rows: list[dict[str, object]] = [{"a": a, "b": b, "q_value": q} for a, b, q in pairs]
    shown, _ = relation_rows(bundle_of(tiny, rows), EVERY)
    assert list(zip(shown["a"].to_pylist(), shown["b"].to_pylist(), strict=True)) == [
        (40, 41), (20, 30), (20, 31), (30, 20), (21, 22),
    ]  # fmt: skip


@pytest.mark.parametrize(("listed", "drawn"), [(2_000, 2_000), (2_001, 2_000)])
def test_at_most_two_thousand_relations_are_drawn_those_with_the_smallest_q(
    tiny: Bundle, listed: int, drawn: int
) -> None:
    rows: list[dict[str, object]] = [
        {"a": 20, "b": 30, "q_value": (listed - i) / 1e5} for i in range(listed)
    ]
    figure = relation_points(bundle_of(tiny, rows), EVERY)
    assert figure.rows.num_rows == drawn == len(drawn_rows(figure, "a_name", "q"))
    assert figure.rows["q_value"][0].as_py() == 1e-5
    assert figure.caption.parameters["pairs"] == f"{drawn} of {listed}"
    assert ("Drawn: the 2,000 of 2,001 pairs" in str(figure.note)) == (drawn < listed)


def test_the_figure_shows_pairs_inside_the_selection_only_if_asked(tiny: Bundle) -> None:
    chosen = EVERY.copy()
    chosen[: DEAD + CLUSTERS] = False
    for within in (False, True):
        for hide_flags in (False, True):
            rows, _ = relation_rows(tiny, chosen, hide_flags=hide_flags, within=within)
            figure = relation_points(tiny, chosen, hide_flags=hide_flags, within=within)
            assert figure.rows.equals(rows)


def test_both_axes_have_one_scale_with_room_for_twice_the_largest_count(tiny: Bundle) -> None:
    rows: list[dict[str, object]] = [
        {"a": 20, "b": 30, "joint_tokens": 40, "expected_shifted": 7.5},
        {"a": 21, "b": 31, "joint_tokens": 12, "expected_shifted": 90.0},
    ]
    figure = relation_points(bundle_of(tiny, rows), EVERY)
    assert domain_of(figure, "x") == domain_of(figure, "y") == [0, 180]


def test_of_equal_q_the_pair_furthest_from_chance_comes_first(tiny: Bundle) -> None:
    counts = [(20, 100, 90.0), (21, 100, 2.0), (22, 0, 500.0), (24, 3, 1.0)]
    rows: list[dict[str, object]] = [
        {"a": a, "b": 30, "q_value": 5.8e-303, "joint_tokens": joint, "expected_shifted": shifted}
        for a, joint, shifted in counts
    ]
    shown, _ = relation_rows(bundle_of(tiny, rows), EVERY)
    assert shown["a"].to_pylist() == [22, 21, 24, 20]


def test_the_expected_count_is_across_and_the_joint_count_is_up(tiny: Bundle) -> None:
    assert marks(relation_points(tiny, EVERY)) == [
        "line: color quiet ink, x at, y at",
        "circle: opacity 0.75, x expected_shifted, y joint_tokens, color relation",
    ]
