"""Evaluate a selection on the tables of a bundle: a mask over its latents."""

import operator
from collections.abc import Callable
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import CLUSTER_COLUMNS, Bundle
from analysis.cooccurrence.ranking import ranked_partners
from analysis.labels.profiles.main_values import kept_profiles
from analysis.runtime.arrays import Bools, Floats, Ints
from analysis.runtime.errors import InputError
from analysis.selection.context_index import context_index
from analysis.selection.grammar import (
    MAP_COLUMNS,
    And,
    Between,
    Box,
    Cluster,
    Compare,
    Everything,
    Flag,
    HasStatus,
    Ids,
    InCollection,
    InContext,
    Lasso,
    Latents,
    Near,
    Not,
    Noted,
    Or,
    Partners,
    Pattern,
    Profile,
    Related,
    Search,
    Selection,
    Span,
    Tagged,
    Unclustered,
)
from analysis.selection.polygon import inside_polygon
from analysis.selection.related_pairs import related_pairs
from analysis.selection.text_search import latents_containing, latents_matching, matching

if TYPE_CHECKING:
    from analysis.notes.noted_latents import NotedLatents

_COMPARISONS: dict[str, Callable[[Floats, float], Bools]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}


_OfPlace = Compare | Between | Box | Lasso
_OfWords = Search | Pattern | InContext | Flag | Unclustered
_OfIds = Latents | Cluster | Near | Partners | Related | Profile
_OfNotes = Tagged | HasStatus | Noted | InCollection


def evaluate(selection: Selection, bundle: Bundle, noted: "NotedLatents | None" = None) -> Bools:
    """Which latents of the bundle are selected: a mask [n_latents].

    `noted` are the notes of its SAE. Ids that the bundle does not have select nothing. Raises
    InputError if a regular expression takes too long, the corpus is too large to search in
    contexts, or the selection is about notes and there are none to read.
    """
    match selection:
        case Everything():
            return np.ones(bundle.latents.num_rows, dtype=bool)
        case And(parts) | Or(parts):
            join = np.logical_and if isinstance(selection, And) else np.logical_or
            return reduce(join, (evaluate(part, bundle, noted) for part in parts))
        case Not(part):
            return ~evaluate(part, bundle, noted)
        case Tagged() | HasStatus() | Noted() | InCollection():
            return _with_notes(selection, noted, bundle.latents.num_rows)
        case Compare() | Between() | Box() | Lasso():
            return _with_numbers(selection, bundle)
        case _:
            return _others(selection, bundle)


def _others(selection: _OfWords | _OfIds, bundle: Bundle) -> Bools:
    match selection:
        case Latents(ids):
            return _mask_of_ids(ids, bundle.latents.num_rows)
        case Profile():
            return _of_profile(selection, bundle)
        case Cluster() | Near() | Partners() | Related():
            return _mask_of(bundle, _selected_ids(selection, bundle))
        case _:
            return _with_words(selection, bundle)


def _with_numbers(selection: _OfPlace, bundle: Bundle) -> Bools:
    """Latents whose numbers meet the condition. A missing number meets none."""
    match selection:
        case Compare(column, sign, value):
            return _COMPARISONS[sign](_numbers(bundle, column), value)
        case Between(column, low, high):
            values = _numbers(bundle, column)
            return (values >= low) & (values <= high)
        case Box(x0, x1, y0, y1, on_map):
            x, y = (_numbers(bundle, axis) for axis in MAP_COLUMNS[on_map])
            return (x >= x0) & (x <= x1) & (y >= y0) & (y <= y1)
        case Lasso(points, on_map):
            x, y = (_numbers(bundle, axis) for axis in MAP_COLUMNS[on_map])
            return inside_polygon(x, y, np.array(points))


def _with_words(selection: _OfWords, bundle: Bundle) -> Bools:
    """Latents whose texts, flag or lack of a cluster meets the condition."""
    match selection:
        case Search(text):
            return latents_containing(bundle, text)
        case Pattern(text):
            return latents_matching(bundle, matching(text))
        case InContext(text):
            return context_index(bundle).latents_with(text)
        case Flag(flags):
            return np.asarray(pc.is_in(bundle.latents["flag"].cast(pa.string()), pa.array(flags)))
        case Unclustered(space):
            first = bundle.manifest.first_level(space)
            column = CLUSTER_COLUMNS[first.space if first else space or "decoder"]
            return np.asarray(pc.is_null(bundle.latents[column]))


def _with_notes(selection: _OfNotes, noted: "NotedLatents | None", total: int) -> Bools:
    """Latents whose note meets the condition."""
    if noted is None:
        raise InputError(
            f"Selection: {selection} is about notes, which only the dashboard can read; leave it "
            "out here."
        )
    match selection:
        case Tagged(tags):
            return noted.with_tags(tags, total)
        case HasStatus(statuses):
            return noted.with_status(statuses, total)
        case Noted(text):
            return noted.containing(text, total)
        case InCollection(names):
            return noted.in_collections(names, total)


def _selected_ids(selection: Cluster | Near | Partners | Related, bundle: Bundle) -> Ints:
    """The ids that a condition looks up in another table."""
    match selection:
        case Cluster(ids):
            return _members(bundle, ids)
        case Near(latent, count):
            own = _existing(bundle, latent)
            rows = bundle.neighbours.of(own).slice(0, count)
            return np.append(rows["neighbour"].to_numpy(), own)
        case Partners(latent, measure, count):
            own = _existing(bundle, latent)
            rows = ranked_partners(bundle, own, measure, most=count)
            return np.append(rows["partner"].to_numpy(), own)
        case Related(latent, kind):
            own = _existing(bundle, latent) if latent is not None else np.empty(0, dtype=np.int64)
            return np.append(related_pairs(bundle).ends(latent, kind), own)


def _of_profile(selection: Profile, bundle: Bundle) -> Bools:
    """Latents that fire on documents with a value. A bundle without it selects nothing."""
    known, total = kept_profiles(bundle), bundle.latents.num_rows
    if selection.share is None:
        return known.with_main(selection.column, selection.value, total)
    latents = known.with_value(selection.column, selection.value, selection.share)
    return _mask_of(bundle, latents)


def _members(bundle: Bundle, ids: Ids) -> Ints:
    """The latents that belong to any of the clusters."""
    chosen = _mask_of_ids(ids, bundle.clusters.num_rows)
    rows = bundle.memberships
    members: Ints = rows["latent"].to_numpy()[chosen[rows["cluster"].to_numpy()]]
    return members


def _mask_of_ids(ids: Ids, total: int) -> Bools:
    """The ids and spans of ids as a mask [total]."""
    mask = np.zeros(total, dtype=bool)
    for one in ids:
        first, last = one if isinstance(one, Span) else (one, one)
        mask[first : last + 1] = True
    return mask


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
