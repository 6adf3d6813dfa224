"""All stored pairs of a bundle at once, against the rows of the partners table."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Bundle, LatentTable
from analysis.latents.flags import is_flagged
from charts import stored_pairs as module
from charts.core.cache import nbytes_of
from charts.pairs import ranked_pairs, strongest_pairs
from charts.stored_pairs import first_of_each, pair_ids, stored_pairs
from tests.charts.test_pairs import bundle_of


def strict_copy(tiny: Bundle, minimum_joint: int) -> Bundle:
    """The tiny bundle with more pairs that are too rare to rank."""
    settings = tiny.manifest.parameters.model_copy(update={"minimum_joint": minimum_joint})
    return replace(tiny, manifest=tiny.manifest.model_copy(update={"parameters": settings}))


def test_all_stored_pairs_are_there_once_with_who_stores_them(tiny: Bundle) -> None:
    joint = tiny.partners.all()["joint_tokens"].to_numpy()
    bundle = strict_copy(tiny, least := int(np.median(joint)))
    pairs = stored_pairs(bundle)
    assert pairs is not None
    rows = tiny.partners.all().to_pylist()
    expected = {(row["latent"], row["partner"]): row for row in rows}
    flagged = is_flagged(tiny.latents)
    for ends, is_often in ((pairs.often, True), (pairs.rare, False)):
        assert ends is not None
        both = list(zip(ends.a.tolist(), ends.b.tolist(), strict=True))
        assert both == sorted(
            {
                (min(pair), max(pair))
                for pair, row in expected.items()
                if (row["joint_tokens"] >= least) == is_often
            }
        )
        assert ends.by_a.tolist() == [pair in expected for pair in both]
        assert ends.by_b.tolist() == [(b, a) in expected for a, b in both]
        assert ends.flagged.tolist() == [bool(flagged[a] or flagged[b]) for a, b in both]
        assert not (ends.by_a.all() or ends.by_b.all())
    for row in pairs.rows.to_pylist():
        a, b = row["latent"], row["partner"]
        stored = expected.get((a, b)) or expected[b, a]
        assert row == {**stored, "latent": a, "partner": b}


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("hide_flags", [False, True])
def test_a_selection_has_the_same_pairs_as_when_only_its_rows_are_read(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch, within: bool, hide_flags: bool
) -> None:
    least = int(np.median(tiny.partners.all()["joint_tokens"].to_numpy()))
    kept, read = strict_copy(tiny, least), strict_copy(tiny, least)
    random = np.random.default_rng(3)
    latents = tiny.latents.num_rows
    monkeypatch.setattr(module, "LIMIT", 0)
    assert stored_pairs(read) is None
    monkeypatch.undo()
    assert stored_pairs(kept) is not None
    for number in (1, 9, 60, latents):
        chosen = random.choice(latents, number, replace=False)
        pairs, others = (
            strongest_pairs(bundle, chosen, within=within, hide_flags=hide_flags)
            for bundle in (kept, read)
        )
        assert pairs.rows.equals(others.rows)
        assert pairs[1:] == others[1:]
        assert (pairs.total and pairs.rare) or number < 60


@pytest.mark.parametrize("within", [False, True])
@pytest.mark.parametrize("hide_flags", [False, True])
def test_rare_pairs_of_a_large_bundle_are_not_counted(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch, within: bool, hide_flags: bool
) -> None:
    least = int(np.median(tiny.partners.all()["joint_tokens"].to_numpy()))
    counted, large = strict_copy(tiny, least), strict_copy(tiny, least)
    chosen = np.arange(0, tiny.latents.num_rows, 2)
    pairs = strongest_pairs(counted, chosen, within=within, hide_flags=hide_flags)
    monkeypatch.setattr(module, "MOST_ROWS", tiny.partners.rows - 1)
    kept = stored_pairs(large)
    assert kept is not None and kept.rare is None
    others = strongest_pairs(large, chosen, within=within, hide_flags=hide_flags)
    assert pairs.rare and others[1:] == (pairs.total, None, None)
    assert others.rows.equals(pairs.rows) and pairs.total
    note = ranked_pairs(large, chosen, within=within, hide_flags=hide_flags).note or ""
    hidden = "Pairs with a dense or ultralow latent are hidden: they would dominate the ranking."
    assert note.startswith(hidden) == hide_flags
    assert note.endswith(
        f" Pairs with fewer than {least} joint tokens are hidden: too few to rank."
    )


def test_pairs_are_read_a_row_group_at_a_time(tiny: Bundle, tmp_path: Path) -> None:
    bundle = replace(tiny)
    file = tmp_path / "partners.parquet"
    pq.write_table(pq.read_table(tiny.path / file.name), file, row_group_size=50)
    vars(bundle)["partners"] = LatentTable(file)
    assert len([*bundle.partners.pieces()]) > 5
    whole, parts = stored_pairs(tiny), stored_pairs(bundle)
    assert whole is not None and parts is not None
    assert parts.rows.equals(whole.rows)
    for mine, other in ((parts.often, whole.often), (parts.rare, whole.rare)):
        assert mine is not None and other is not None
        for values, expected in zip(mine, other, strict=True):
            np.testing.assert_array_equal(values, expected)


def test_a_pair_counts_for_a_latent_that_stores_it(tiny: Bundle, tmp_path: Path) -> None:
    stored = {(20, 21): 9, (21, 20): 9, (22, 20): 8, (20, 24): 1, (25, 24): 1}
    bundle = bundle_of(tiny, stored, dict.fromkeys(range(20, 26), 40), tmp_path)
    pairs = stored_pairs(bundle)
    assert pairs is not None and pairs.rare is not None
    chosen = np.zeros(bundle.latents.num_rows, dtype=bool)
    chosen[[20, 24]] = True
    # 20 does not store its pair with 22, and 24 stores none of its pairs.
    assert pairs.often.of(chosen, within=False).tolist() == [True, False]
    assert pairs.rare.of(chosen, within=False).tolist() == [True, False]
    assert pairs.often.of(chosen, within=True).tolist() == [False, False]
    assert pairs.rare.of(chosen, within=True).tolist() == [True, False]


def test_pairs_that_would_fill_the_cache_are_not_kept(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = stored_pairs(tiny)
    assert pairs is not None
    for limit, is_kept in ((2 * nbytes_of(pairs), True), (2 * nbytes_of(pairs) - 2, False)):
        monkeypatch.setattr(module, "LIMIT", limit)
        assert (stored_pairs(replace(tiny)) is not None) is is_kept


def test_a_pair_has_one_number_that_sorts_by_its_ids() -> None:
    a, b = np.array([70_000, 3, 2, 70_001], dtype=np.int32), np.array([69_999, 9, 5, 1], np.int32)
    ids = pair_ids(a, b, 70_002)
    assert ids.tolist() == [69_999 * 70_002 + 70_000, 3 * 70_002 + 9, 2 * 70_002 + 5, 140_003]
    np.testing.assert_array_equal(ids, pair_ids(b, a, 70_002))


@pytest.mark.parametrize("largest", [0, 9, 2**40, 2**62])
@pytest.mark.parametrize("number", [0, 1, 500])
def test_the_first_of_each_id_is_that_of_numpy(largest: int, number: int) -> None:
    random = np.random.default_rng(1)
    ids = random.choice(random.integers(0, largest, 40, endpoint=True), number)
    firsts = np.unique(ids, return_index=True)[1]
    np.testing.assert_array_equal(first_of_each(ids), firsts)
