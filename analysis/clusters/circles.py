"""Judge whether a plane of principal components shows a circle, with the measurements.

A circle of weekdays (Engels et al. 2024) has most of its variance in one plane. In that plane its
classes (here the members or the tokens) surround a hollow centre, each at its own angle. Each of
these is measured, and all must hold. The classes of a simplex, which are all equally far from each
other, also surround the centre of any plane, but no plane has much of their variance.
"""

from dataclasses import dataclass

import numpy as np

from analysis.runtime.arrays import Floats, Ints
from analysis.runtime.numbers import short

LEAST_PLANE = 0.8
"""Share of the variance that the plane must have. A simplex of seven classes has .33."""
LEAST_CLASSES = 5
"""With fewer, a simplex without its first axis has more than .8 of its variance in a plane."""
MOST_CLASSES = 24
"""Classes that are judged; only the largest if there are more."""
LEAST_TOKENS = 5
"""Tokens that a class must have."""
LEAST_PART = 0.01
"""Share of all tokens that a class must have."""
LEAST_RADIUS = 0.5
"""Least distance of a class from the centre, relative to the mean distance."""
WIDEST_GAP = 2.0
"""Widest gap between neighbouring classes, relative to that of evenly spaced classes."""


@dataclass(frozen=True)
class Ring:
    """The classes of a plane in the order of their angles, and whether they form a circle."""

    classes: Ints
    """[k] ids, counterclockwise from the largest class."""
    centres: Floats
    """[k, 2] mean scores."""
    tokens: Ints
    """[k]"""
    plane: float
    """Share of the variance that is in the plane. If the plane does not include component 1, which
    often is intensity, it is the share of the variance that component 1 leaves."""
    radius: float
    """Distance of the nearest class from the centre over the mean distance; NaN without classes."""
    gap: float
    """Widest gap between neighbouring classes, over that of evenly spaced classes."""
    without_first: bool = False
    """Whether the plane does not include the first component."""

    @property
    def is_circle(self) -> bool:
        """Whether all criteria of a circle hold."""
        return (
            len(self.classes) >= LEAST_CLASSES
            and self.plane >= LEAST_PLANE
            and self.radius >= LEAST_RADIUS
            and self.gap <= WIDEST_GAP
        )

    @property
    def sentence(self) -> str:
        """The verdict, with each measurement and its threshold."""
        if len(self.classes) < LEAST_CLASSES:
            return (
                f"Too few classes to judge a circle: {len(self.classes)} have enough tokens, at "
                f"least {LEAST_CLASSES} are needed."
            )
        rest = " that component 1 leaves" if self.without_first else ""
        measured = (
            f"the plane has {short(self.plane)} of the variance{rest} (a circle has at least "
            f"{short(LEAST_PLANE)}), the nearest of {len(self.classes)} classes is at "
            f"{short(self.radius)} of the mean distance from their centre (at least "
            f"{short(LEAST_RADIUS)}), and the widest gap is {short(self.gap)} times that of evenly "
            f"spaced classes (at most {short(WIDEST_GAP)})"
        )
        return f"{'A circle' if self.is_circle else 'Not a circle'}: {measured}."


def ring(
    scores: Floats,
    classes: Ints,
    shares: Floats,
    plane: tuple[int, int],
) -> Ring:
    """Judge whether the classes of the tokens form a circle in a plane of two components.

    `scores` [n, components] and `classes` [n] are those of the tokens; `shares` [components] of
    the variance; `plane` are two components, counted from 0. The largest classes that have enough
    tokens are judged, at most 24.
    """
    ids, index, counts = np.unique(classes, return_inverse=True, return_counts=True)
    least = max(LEAST_TOKENS, LEAST_PART * len(classes))
    kept = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    kept = kept[counts[kept] >= least]
    points = scores[:, list(plane)]
    means = (
        np.column_stack(
            [np.bincount(index, points[:, axis], minlength=len(ids)) for axis in (0, 1)]
        )
        / counts[:, None]
    )
    centres = means[kept]
    without_first = 0 not in plane and len(shares) > 0
    first = float(shares[0]) if without_first else 0.0
    share = float(shares[list(plane)].sum()) / max(1.0 - first, 1e-12)
    if len(kept) == 0:
        return Ring(
            ids[kept], centres, counts[kept], share, float("nan"), float("inf"), without_first
        )
    around = centres - centres.mean(axis=0)
    distance = np.hypot(*around.T)
    angle = np.arctan2(around[:, 1], around[:, 0])
    order = np.argsort((angle - angle[0]) % (2 * np.pi), kind="stable")
    gaps = np.diff(np.sort(angle), append=angle.min() + 2 * np.pi)
    return Ring(
        classes=ids[kept][order],
        centres=centres[order],
        tokens=counts[kept][order],
        plane=share,
        radius=float(distance.min() / max(distance.mean(), 1e-12)),
        gap=float(gaps.max() * len(kept) / (2 * np.pi)),
        without_first=without_first,
    )
