"""The pairs of the relations table; `test_evaluation.py` tests the selection."""

import numpy as np

from analysis.bundle import Bundle
from analysis.selection import RELATIONS
from analysis.selection.related_pairs import RelatedPairs, related_pairs


def test_the_pairs_are_those_of_the_table(planted_bundle: Bundle) -> None:
    pairs, rows = related_pairs(planted_bundle), planted_bundle.relations.all().to_pylist()
    assert len(rows) > 3
    assert pairs.a.tolist() == [row["a"] for row in rows]
    assert pairs.b.tolist() == [row["b"] for row in rows]
    assert [RELATIONS[kind] for kind in pairs.kinds] == [row["relation"] for row in rows]


def test_ends_of_pairs() -> None:
    ids = np.array([1, 1, 2], dtype=np.int32), np.array([2, 3, 9], dtype=np.int32)
    pairs = RelatedPairs(*ids, np.array([0, 1, 1], dtype=np.int8))
    assert sorted(pairs.ends()) == [1, 1, 2, 2, 3, 9]
    assert sorted(pairs.ends(2)) == [1, 2, 2, 9]
    assert sorted(pairs.ends(kind=RELATIONS[1])) == [1, 2, 3, 9]
    assert sorted(pairs.ends(2, RELATIONS[0])) == [1, 2]
    assert len(pairs.ends(5)) == 0
