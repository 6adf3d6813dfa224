"""The split is by document, its share is exact, and order does not matter."""

import numpy as np
import pyarrow as pa
import pytest

from analysis.labels.split import held_out_documents, split_tokens


@pytest.mark.parametrize(("documents", "held_out"), [(0, 0), (1, 0), (2, 0), (3, 1), (100, 33)])
def test_a_third_of_the_documents_is_held_out(documents: int, held_out: int) -> None:
    assert held_out_documents(np.arange(documents), 0).sum() == held_out


def test_the_side_of_a_document_depends_only_on_its_id_and_the_seed() -> None:
    ids = np.arange(500, dtype=np.int64) * 7
    chosen = held_out_documents(ids, 3)
    order = np.random.default_rng(0).permutation(500)
    assert (held_out_documents(ids[order], 3) == chosen[order]).all()
    agree = (held_out_documents(ids, 4) == chosen).mean()
    assert 0.45 < agree < 0.66  # 5/9 where the two are independent
    neighbours = (chosen[1:] & chosen[:-1]).mean()
    assert 0.06 < neighbours < 0.16  # 1/9


def test_no_document_is_on_both_sides_and_no_masked_token_on_any() -> None:
    rng = np.random.default_rng(1)
    document = np.sort(rng.integers(0, 40, 2_000))
    kept = rng.random(2_000) < 0.9
    split = split_tokens(pa.table({"document": document, "kept": kept}), 0)
    assert ((split.naming | split.held_out) == kept).all()
    assert not set(document[split.naming]) & set(document[split.held_out])
    assert set(document[split.held_out]) == set(split.ids[split.is_held_out].tolist())


def test_the_naming_documents_have_two_halves() -> None:
    document = np.repeat(np.arange(100), 3)
    kept = np.arange(300) % 3 > 0
    split = split_tokens(pa.table({"document": document, "kept": kept}), 0)
    assert (split.naming | ~split.second_half).all()
    first, second = (
        set(document[rows].tolist())
        for rows in (split.naming & ~split.second_half, split.second_half)
    )
    assert (len(first), len(second)) == (34, 33)
    assert not first & second
    assert 10 < len([one for one in second if one % 2]) < 24  # not every second id
    order = np.random.default_rng(0).permutation(100)
    ids = np.repeat(order, 3)
    other = split_tokens(pa.table({"document": ids, "kept": kept}), 0)
    assert set(ids[other.second_half].tolist()) == second
