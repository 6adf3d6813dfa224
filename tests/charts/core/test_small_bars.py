"""A bar of a selection can be seen beside the longest bar, and is told from its number."""

import pyarrow as pa

from charts.core.small_bars import LEAST_SHARE, at_least_seen, least_height_note


def _counts(*values: int) -> pa.ChunkedArray:
    return pa.chunked_array([list(values)], pa.int64())


def test_small_bars_have_a_least_length_and_empty_ones_none() -> None:
    assert LEAST_SHARE == 0.02
    assert at_least_seen(_counts(0, 1, 19, 20, 21, 1000), 1000).to_pylist() == [
        0, 20, 20, 20, 21, 1000,
    ]  # fmt: skip
    assert at_least_seen(_counts(), 0).to_pylist() == []


def test_the_note_is_only_there_if_a_bar_is_longer_than_its_count() -> None:
    for counts, longer in ((_counts(0, 20, 900), False), (_counts(0, 19), True)):
        note = least_height_note(counts, at_least_seen(counts, 1000))
        assert ("tooltips have the numbers" in note) == longer
