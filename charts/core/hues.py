"""Colours of clusters: which hue each gets, and how hues look on other backgrounds and to others.

Two colours are compared by CIEDE2000 (Sharma, Wu and Dalal 2005), as readers with normal vision and
with deuteranopia or protanopia see them (Machado, Oliveira and Fernandes 2009, severity 1). A
difference of 2 is just visible side by side; small points that are apart need 10 or more.
"""

import functools
import itertools
from collections.abc import Sequence

import numpy as np

from analysis.runtime.arrays import Floats
from charts.core.theme import CLUSTER_COLOURS, DARK_PAPER, PAPER

NEIGHBOURS = 8
"""Nearest centres, on each map, whose colours a cluster must differ from."""
CLOSE = 3
"""Of these, the nearest; the difference from them counts four times as much."""
DISTINCT = 20.0
"""CIEDE2000 from which two neighbouring clusters are told apart at a glance."""
_STEPS = 1 << 20
"""Steps of one squared CIEDE2000 in a cost."""
LISTED = 15
"""Rows of a legend that are seen at first: no two of them have one hue."""
_NEVER = 1 << 50
"""The cost of one hue in two of them; more than all others."""
TELLING = 18
"""Hues from which the first `LISTED` clusters choose: those that are told apart best."""
_REPEAT = 100 * _STEPS
"""The cost of one hue in two rows of a legend that are listed near one another."""
ROUNDS = 4
"""Most times that every cluster chooses its hue."""
MANY = 10_000
"""Clusters that choose once only if there are more: their points are too small and too many."""
READABLE = 4.5
"""Least contrast of text, WCAG 2.1, 1.4.3."""
READABLE_ON_DARK = 6.0
"""The same on a dark background, where thin letters look thinner."""

_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_WHITE = _TO_XYZ.sum(1)
_VISIONS = np.array(
    [
        np.eye(3),
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
    ]
)
"""Linear RGB as seen with normal vision, deuteranopia and protanopia."""


def cluster_colours(clusters: np.ndarray, *maps: np.ndarray) -> dict[int, str]:
    """A colour for each cluster [n] that differs from those of its neighbours on every map.

    Each of `maps` [n, 2] holds the centres of the clusters on one map; NaN if it has none there.
    There are more clusters than hues, so hues repeat: in the given order, each cluster takes the
    hue that falls least short of `DISTINCT` from those of its neighbours, for readers with any
    vision and on both backgrounds, and of equal ones the least used. The clusters then choose again
    until none changes. Up to 12 clusters have different hues, and so have the first `LISTED`, which
    a legend lists first; later rows repeat a hue of the rows near them as seldom as the map allows.
    More than MANY clusters choose once. The result depends only on the clusters, not on the
    selection.
    """
    count, hues_ = len(clusters), len(CLUSTER_COLOURS)
    if count == 0:
        return {}
    near = _neighbours([np.asarray(centres, dtype=np.float64) for centres in maps])
    light, dark = (least_differences(colours) for colours in (CLUSTER_COLOURS, DARK_COLOURS))
    # In integers, so that costs to which neighbours are added and taken away stay exact.
    short = np.rint(_STEPS * np.maximum(DISTINCT - np.minimum(light, dark), 0) ** 2).astype(
        np.int64
    )
    once = 4 * _STEPS * (1_000_000 if count <= hues_ // 2 else 1)
    quarters = [(others, np.rint(4 * weights).astype(np.int64)) for others, weights in near]
    cost, used = np.zeros((count, hues_), dtype=np.int64), np.zeros(hues_, dtype=np.int64)
    cost[:LISTED, ~_most_distinct(short, TELLING)] = _NEVER
    hue = [-1] * count
    for _ in range(ROUNDS if count <= MANY else 1):
        before = list(hue)
        for i, (others, weights) in enumerate(quarters):
            old = hue[i]
            if old >= 0:
                used[old] -= once
                _repeats(cost, i, old, -1)
            hue[i] = new = int((cost[i] + used).argmin())
            used[new] += once
            _repeats(cost, i, new, 1)
            if new != old:
                more = short[new] if old < 0 else short[new] - short[old]
                cost[others] += weights[:, None] * more
        if hue == before:
            break
    return {int(c): CLUSTER_COLOURS[h] for c, h in zip(clusters, hue, strict=True)}


def _repeats(cost: np.ndarray, row: int, hue: int, sign: int) -> None:
    """Add what it costs the rows of `cost` [n, hues] near a row to have its hue too."""
    cost[max(row - LISTED + 1, 0) : row + LISTED, hue] += sign * _REPEAT
    if row < LISTED:
        cost[:LISTED, hue] += sign * _NEVER


def _most_distinct(short: np.ndarray, most: int) -> np.ndarray:
    """Which `most` of the hues [n] are told apart best, bool [n].

    `short` [n, n] is how far two hues fall short of `DISTINCT`. One after another, of the two that
    fall most short the one is left out that also falls more short of the others.
    """
    kept = np.ones(len(short), dtype=bool)
    others = short - np.diag(np.diag(short))
    while kept.sum() > most:
        left = np.where(kept[:, None] & kept, others, -1)
        pair = np.unravel_index(np.argmax(left), left.shape)
        kept[max(pair, key=lambda hue: others[hue] @ kept)] = False
    return kept


def _neighbours(maps: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The neighbours of each cluster on any map, and how much the difference from each counts.

    They are its nearest centres and those whose nearest centre it is.
    """
    # Imported here because it takes 0.25 s, which would delay the first page.
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.spatial import cKDTree  # noqa: PLC0415

    count = len(maps[0])
    pairs = coo_array((count, count)).tocsr()
    for centres in maps:
        placed = np.flatnonzero(np.isfinite(centres).all(axis=1))
        nearest = min(NEIGHBOURS, len(placed) - 1)
        if nearest < 1:
            continue
        tree = cKDTree(centres[placed])
        others = tree.query(centres[placed], k=[*range(2, nearest + 2)])[1]
        one, other = np.repeat(placed, nearest), placed[others.ravel()]
        weights = np.tile(np.where(np.arange(nearest) < CLOSE, 1.0, 0.25), len(placed))
        own = coo_array((weights, (one, other)), (count, count)).tocsr()
        pairs = pairs.maximum(own).maximum(own.T)
    pairs.setdiag(0)
    rows = pairs.tocsr()
    ends = rows.indptr
    return [
        (rows.indices[start:end], rows.data[start:end]) for start, end in itertools.pairwise(ends)
    ]


@functools.lru_cache(maxsize=8)
def least_differences(colours: tuple[str, ...]) -> Floats:
    """The smallest CIEDE2000 of every two colours [n, n] over the three kinds of vision."""
    seen = np.clip(_linear(colours) @ _VISIONS.transpose(0, 2, 1), 0, 1)
    labs = [_lab_of_linear(one) for one in seen]
    differences: Floats = np.min([ciede2000(lab[:, None], lab[None]) for lab in labs], axis=0)
    return differences


def ciede2000(first: Floats, second: Floats) -> Floats:
    """The difference of two arrays [..., 3] of CIELAB colours, as Sharma et al. 2005 write it."""
    light_1, a_1, b_1 = np.moveaxis(first, -1, 0)
    light_2, a_2, b_2 = np.moveaxis(second, -1, 0)
    chroma = (np.hypot(a_1, b_1) + np.hypot(a_2, b_2)) / 2
    stretch = 1 + 0.5 * (1 - np.sqrt(chroma**7 / (chroma**7 + 25.0**7)))
    chroma_1, chroma_2 = np.hypot(stretch * a_1, b_1), np.hypot(stretch * a_2, b_2)
    hue_1, hue_2 = (
        np.degrees(np.arctan2(b, stretch * a)) % 360 for a, b in ((a_1, b_1), (a_2, b_2))
    )
    grey = chroma_1 * chroma_2 == 0
    turn = (hue_2 - hue_1 + 180) % 360 - 180
    turn = np.where(grey, 0, np.where(turn == -180, 180, turn))
    d_hue = 2 * np.sqrt(chroma_1 * chroma_2) * np.sin(np.radians(turn / 2))
    mean_hue = np.where(grey, hue_1 + hue_2, (hue_1 + turn / 2) % 360)
    mean_light, mean_chroma = (light_1 + light_2) / 2, (chroma_1 + chroma_2) / 2
    weight = (
        1
        - 0.17 * np.cos(np.radians(mean_hue - 30))
        + 0.24 * np.cos(np.radians(2 * mean_hue))
        + 0.32 * np.cos(np.radians(3 * mean_hue + 6))
        - 0.20 * np.cos(np.radians(4 * mean_hue - 63))
    )
    offset = (mean_light - 50) ** 2
    d_light = (light_2 - light_1) / (1 + 0.015 * offset / np.sqrt(20 + offset))
    d_chroma = (chroma_2 - chroma_1) / (1 + 0.045 * mean_chroma)
    d_hue = d_hue / (1 + 0.015 * mean_chroma * weight)
    rotation = (
        -2
        * np.sqrt(mean_chroma**7 / (mean_chroma**7 + 25.0**7))
        * np.sin(np.radians(60 * np.exp(-(((mean_hue - 275) / 25) ** 2))))
    )
    square = d_light**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue
    return np.asarray(np.sqrt(np.maximum(square, 0)))


@functools.lru_cache(maxsize=1024)
def on_dark(colour: str) -> str:
    """The colour as a point on a dark background: lighter, with the same hue."""
    light, a, b = lab_of([colour])[0]
    return _hex((32 + 0.68 * light, a, b))


@functools.lru_cache(maxsize=1024)
def ink(colour: str, *, dark: bool = False) -> str:
    """The colour as text: as much darker (on a dark background lighter) as reading needs."""
    light, a, b = lab_of([on_dark(colour) if dark else colour])[0]
    paper, least = (DARK_PAPER, READABLE_ON_DARK) if dark else (PAPER, READABLE)
    while contrast(_hex((light, a, b)), paper) < least:
        light += 2.0 if dark else -2.0
    return _hex((light, a, b))


def contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours, 1 to 21, as WCAG 2.1 defines it."""
    low, high = sorted((_linear([first, second]) @ _TO_XYZ[1]).tolist())
    return (high + 0.05) / (low + 0.05)


def lab_of(colours: Sequence[str]) -> Floats:
    """CIELAB [n, 3] of colours such as #1f6fb2, for the white point D65."""
    return _lab_of_linear(_linear(colours))


def _linear(colours: Sequence[str]) -> Floats:
    """Linear RGB [n, 3] in 0..1."""
    bytes_ = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours]
    part = np.array(bytes_, dtype=np.float64) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def _lab_of_linear(rgb: Floats) -> Floats:
    ratio = rgb @ _TO_XYZ.T / _WHITE
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _hex(lab: tuple[float, float, float]) -> str:
    """The colour of CIELAB values; less saturated if the screen cannot show it."""
    light, a, b = lab
    for share in np.linspace(1, 0, 51):
        rgb = _rgb_of_lab(light, a * share, b * share)
        if rgb.min() >= -1e-3 and rgb.max() <= 1 + 1e-3:
            break
    part = np.clip(rgb, 0, 1)
    part = np.where(part <= 0.0031308, part * 12.92, 1.055 * part ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * value):02x}" for value in part.tolist())


def _rgb_of_lab(light: float, a: float, b: float) -> Floats:
    y = (light + 16) / 116
    root = np.array([y + a / 500, y, y - b / 200])
    ratio = np.where(root > 6 / 29, root**3, 3 * (6 / 29) ** 2 * (root - 4 / 29))
    return np.asarray(np.linalg.solve(_TO_XYZ, ratio * _WHITE))


DARK_COLOURS = tuple(map(on_dark, CLUSTER_COLOURS))
"""The hues of clusters on a dark background."""
