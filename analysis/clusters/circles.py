"""Whether a plane of principal components shows a circle, and what the answer rests on.

A circle of weekdays (Engels et al. 2024) has most of its variance in one plane, and in that plane
its classes, here the members or the tokens, stand around a hollow centre, each at its own angle.
All of this is measured, and all of it must hold: classes of a simplex, which are equally far from
one another, also stand around a centre in any plane, but no plane has much of their variance.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LEAST_PLANE = 0.8
"""Share of the variance that the plane must have: a simplex of seven classes has .33."""
LEAST_CLASSES = 5
"""A plane takes more than .8 of the variance of a simplex of fewer classes, less its first axis."""
MOST_CLASSES = 24
LEAST_TOKENS = 5
"""Tokens that a class must have,"""
LEAST_PART = 0.01
"""and the share of all tokens that it must have."""
LEAST_RADIUS = 0.5
"""The class nearest to the centre must be at least this much of the mean distance away from it."""
WIDEST_GAP = 2.0
"""No gap between neighbouring classes may be wider than so many times that of an even circle."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ring:
    """The classes of a plane in the order of their angles, and the verdict on them."""

    classes: npt.NDArray[np.int64]
    """[k] ids, counterclockwise from the largest class."""
    centres: Floats
    """[k, 2] mean scores."""
    tokens: npt.NDArray[np.int64]
    """[k]"""
    plane: float
    """Share of the variance that is in the plane: of all of it, or of what the first component
    leaves where the plane is without the first, which often is intensity."""
    radius: float
    """Distance of the nearest class from the centre, over the mean distance; nan without any."""
    gap: float
    """Widest gap between neighbouring classes, over that of an even circle."""
    without_first: bool = False
    """Whether the plane is without the first component."""

    @property
    def is_circle(self) -> bool:
        """Whether everything that makes a circle holds."""
        return (
            len(self.classes) >= LEAST_CLASSES
            and self.plane >= LEAST_PLANE
            and self.radius >= LEAST_RADIUS
            and self.gap <= WIDEST_GAP
        )

    @property
    def sentence(self) -> str:
        """The verdict with what it rests on, in one sentence."""
        if len(self.classes) < LEAST_CLASSES:
            return (
                f"Too few classes to tell a circle: {len(self.classes)} have enough tokens, and "
                f"{LEAST_CLASSES} are needed."
            )
        left = " that component 1 leaves" if self.without_first else ""
        measured = (
            f"the plane has {_short(self.plane)} of the variance{left} (a circle: at least "
            f"{_short(LEAST_PLANE)}), the nearest of {len(self.classes)} classes is at "
            f"{_short(self.radius)} of the mean distance from their centre (at least "
            f"{_short(LEAST_RADIUS)}), and the widest gap is {self.gap:.1f} times that of an even "
            f"circle (at most {WIDEST_GAP:.0f})"
        )
        return f"{'A circle' if self.is_circle else 'Not a circle'}: {measured}."


def _short(share: float) -> str:
    return f"{share:.2f}"


def ring(
    scores: Floats,
    classes: npt.NDArray[np.int64],
    shares: Floats,
    plane: tuple[int, int],
) -> Ring:
    """Judge a plane of components.

    `scores` [n, components] of the tokens, `classes` [n] of each token, `shares` [components] of
    the variance, `plane` the two components, counted from 0. Judged are the largest classes with
    enough tokens, at most 24.
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
    apart = 0 not in plane and len(shares) > 0
    first = float(shares[0]) if apart else 0.0
    share = float(shares[list(plane)].sum()) / max(1.0 - first, 1e-12)
    if len(kept) == 0:
        return Ring(ids[kept], centres, counts[kept], share, float("nan"), float("inf"), apart)
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
        without_first=apart,
    )
