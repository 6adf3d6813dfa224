"""Overlap of boxes; boxes that only touch do not overlap."""

import pytest

from charts.core.placement import Box, overlap


@pytest.mark.parametrize(
    "other, shares",
    [((1, 3, 1, 3), True), ((2, 3, 0, 2), False), ((0, 2, 2, 3), False), ((5, 6, 5, 6), False)],
)
def test_boxes_that_touch_do_not_overlap(other: Box, shares: bool) -> None:
    box = (0, 2, 0, 2)
    assert overlap(box, other) == shares
    assert overlap(other, box) == shares
