"""Placement of names in a chart without overlap."""

Box = tuple[float, float, float, float]
"""Left, right, top and bottom in pixels."""


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share any area; boxes that only touch do not."""
    return a[0] < b[1] and b[0] < a[1] and a[2] < b[3] and b[2] < a[3]
