"""Evaluate a selection on the tables of a bundle: a mask over its latents."""

import operator
from collections.abc import Callable
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import CLUSTER_COLUMNS, Bundle
from analysis.cooccurrence.ranking import ranked_partners
from analysis.runtime.arrays import Bools, Floats, Ints
from analysis.selection.grammar import (
    MAP_COLUMNS,
    And,
    Box,
    Cluster,
    Compare,
    Everything,
    Flag,
    Lasso,
    Latents,
    Near,
    Not,
    Or,
    Partners,
    Search,
    Selection,
    Unclustered,
)
from analysis.selection.polygon import inside_polygon

_COMPARISONS: dict[str, Callable[[Floats, float], Bools]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


def evaluate(selection: Selection, bundle: Bundle) -> Bools:
    """Which latents of the bundle are selected: a mask [n_latents].

    Ids that the bundle does not have select nothing.
    """
    match selection:
        case Everything():
            return np.ones(bundle.latents.num_rows, dtype=bool)
        case And(parts):
            return reduce(np.logical_and, (evaluate(part, bundle) for part in parts))
        case Or(parts):
            return reduce(np.logical_or, (evaluate(part, bundle) for part in parts))
        case Not(part):
            return ~evaluate(part, bundle)
        case Latents() | Cluster() | Near() | Partners():
            return _mask_of(bundle, _selected_ids(selection, bundle))
        case _:
            return _matching(selection, bundle)


def _matching(
    selection: Compare | Box | Lasso | Search | Flag | Unclustered, bundle: Bundle
) -> Bools:
    """The latents whose own row of the latent table meets the condition."""
    match selection:
        case Compare(column, sign, value):
            return _COMPARISONS[sign](_numbers(bundle, column), value)
        case Box(x0, x1, y0, y1, on_map):
            x, y = (_numbers(bundle, axis) for axis in MAP_COLUMNS[on_map])
            return (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
        case Lasso(points, on_map):
            x, y = (_numbers(bundle, axis) for axis in MAP_COLUMNS[on_map])
            return inside_polygon(x, y, np.array(points))
        case Search(text):
            return _containing(bundle, text)
        case Flag(flags):
            return np.asarray(pc.is_in(bundle.latents["flag"].cast(pa.string()), pa.array(flags)))
        case Unclustered(space):
            first = bundle.manifest.first_level(space)
            column = CLUSTER_COLUMNS[first.space if first else space or "decoder"]
            return np.asarray(pc.is_null(bundle.latents[column]))


def _selected_ids(selection: Latents | Cluster | Near | Partners, bundle: Bundle) -> Ints:
    """The ids that a condition lists or looks up in another table."""
    match selection:
        case Latents(ids):
            return np.array(ids, dtype=np.int64)
        case Cluster(ids):
            return _members(bundle.memberships, ids)
        case Near(latent, count):
            rows = bundle.neighbours.of(_existing(bundle, latent)).slice(0, count)
            return np.append(rows["neighbour"].to_numpy(), _existing(bundle, latent))
        case Partners(latent, measure, count):
            own = _existing(bundle, latent)
            rows = ranked_partners(bundle, own, measure, most=count)
            return np.append(rows["partner"].to_numpy(), own)


def _members(memberships: pa.Table, ids: tuple[int, ...]) -> Ints:
    """The latents that belong to any of the clusters."""
    rows = memberships.filter(pc.is_in(memberships["cluster"], pa.array(ids, pa.int32())))
    members: Ints = rows["latent"].to_numpy().astype(np.int64)
    return members


def _existing(bundle: Bundle, latent: int) -> Ints:
    """The id in an array, which is empty if the bundle has no such latent."""
    return np.array([latent] if 0 <= latent < bundle.latents.num_rows else [], dtype=np.int64)


def _mask_of(bundle: Bundle, ids: Ints) -> Bools:
    mask = np.zeros(bundle.latents.num_rows, dtype=bool)
    mask[ids[(ids >= 0) & (ids < len(mask))]] = True
    return mask


def _numbers(bundle: Bundle, column: str) -> Floats:
    """A numeric column as float64. Missing numbers are NaN, which matches no comparison."""
    values: Floats = bundle.latents[column].cast(pa.float64()).to_numpy(zero_copy_only=False)
    return values


def _containing(bundle: Bundle, text: str) -> Bools:
    """Latents whose label, explanation or one of whose top tokens contains the text."""
    mask: Bools = np.zeros(bundle.latents.num_rows, dtype=bool)
    for column in ("label", "explanation"):
        mask |= np.asarray(pc.match_substring(bundle.latents[column], text, ignore_case=True))
    words = bundle.top_words
    hits = np.asarray(pc.match_substring(words.words, text, ignore_case=True))
    mask[words.latents[hits[words.codes]]] = True
    return mask
