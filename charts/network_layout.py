"""Where the nodes of a network are, and which of their names fit in a chart of a width."""

from collections.abc import Sequence

import numpy as np

from analysis.runtime.arrays import Floats, Ints
from charts.core.text import cells

STEPS = 200
"""Most iterations of the layout."""
STILL = 1e-4
"""Movement per node below which the layout ends."""
CELL = 6.3
"""Pixels of a column of text at 11 pixels."""
LINE = 15
"""Pixels between the centres of two lines of text that do not touch."""
GAP = 6
"""Pixels between two names on one line."""
NEVER = 1e9
"""A width that no chart has."""


def spread(nodes: int, a: Ints, b: Ints, gravity: float = 0.0) -> Floats:
    """Positions [nodes, 2] in [-1, 1] by the spring layout of Fruchterman and Reingold 1991.

    a and b [edges] are the ends of the edges. Node 0 is at the centre. The layout starts
    from a spiral, not from random positions, so that the same graph gives the same picture. It
    equals `sknetwork.embedding.Spring`, which computes one node at a time and takes twenty times as
    long. With `gravity`, every node is also drawn to the centre in proportion to its distance, so
    that groups without edges between them stay together; then no node is at the centre.
    """
    if nodes < 2:
        return np.zeros((nodes, 2))
    turn = np.arange(nodes) * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(np.arange(nodes) / nodes)
    place = np.column_stack([np.cos(turn), np.sin(turn)]) * radius[:, None]
    edges = np.zeros((nodes, nodes))
    np.add.at(edges, (np.concatenate([a, b]), np.concatenate([b, a])), 1.0)
    spring = np.sqrt(1 / nodes)
    start = 0.1 * np.ptp(place, axis=0).max()
    for step in start * np.arange(STEPS + 1, 1, -1) / (STEPS + 1):
        distance = np.sqrt(sum(np.subtract.outer(at, at) ** 2 for at in place.T))
        force = (spring / np.maximum(distance, 0.01)) ** 2 - edges * distance / spring
        move = (force.sum(axis=1) - gravity)[:, None] * place - force @ place
        length = np.linalg.norm(move, axis=0)
        move *= step / np.where(length < 0.01, 0.1, length)
        place += move
        if np.linalg.norm(move) / nodes < STILL:
            break
    place = place - (place.mean(axis=0) if gravity else place[0])
    return np.asarray(place / np.maximum(np.abs(place).max(axis=0), 1e-9))


def least_widths(
    place: Floats, names: Sequence[str], edge: float, height: float, most: float
) -> Floats:
    """The least width of the chart [n] at which each name is drawn without touching another.

    `place` [n, 2] is in [-1, 1]; the chart shows x from -edge to edge, and y as much, `height`
    pixels high. Earlier names come first: a name gives way to all before it. At any width, the
    names whose least width is not above it do not touch. Names that would need more than `most`
    pixels get NEVER.
    """
    half = np.array([CELL * cells(name) / 2 for name in names])
    # A name near an edge is aligned to the inside, and may take twice as much there.
    half = np.where(np.abs(place[:, 0]) > 0.7, 2 * half, half)
    y = place[:, 1] * height / (2 * edge)
    widths = np.full(len(names), NEVER)
    for i, name in enumerate(names):
        if not name:
            continue
        before = np.flatnonzero(widths[:i] < NEVER)
        near = before[np.abs(y[before] - y[i]) < LINE]
        apart = np.abs(place[near, 0] - place[i, 0])
        needed = (half[near] + half[i] + GAP) * 2 * edge / np.maximum(apart, 1e-9)
        least = max(2 * half[i], *needed.tolist(), 0.0)
        widths[i] = least if least <= most else NEVER
    return widths
