"""One pair of latents, from the stored activations: counts, values and contexts.

The 2x2 table is counted over kept tokens, windows and documents (`analysis.bundle.positions`). A
latent is active in a window or a document if it is active on one of its tokens, so two latents can
share a window without sharing a token.

Reads only the row groups of the two latents, and those of the token table that hold the contexts.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.bundle import UNITS, WINDOW, Bundle, Unit
from analysis.cooccurrence import Picking, Where
from analysis.cooccurrence.association import TwoByTwo
from analysis.latents.windows import read_tokens, rows_around
from analysis.runtime.arrays import Bools, Floats, Ints
from analysis.runtime.errors import InputError

CONTEXT_TOKENS = 21
"""Tokens of a context: the picked token and ten on either side."""
CONTEXTS = 6
"""Default number of contexts of a pair."""
DRAWN = 3_000
"""Default maximum of rows in a joint sample."""

WHERE: tuple[Where, ...] = get_args(Where)


class PairValues(NamedTuple):
    """Activations of the two latents on the same rows; 0 where a latent has none."""

    a: Floats
    b: Floats


class ValueAssociation(NamedTuple):
    """Association of the activations over all kept tokens, independent of the threshold."""

    cosine: float
    """0 if a latent is dead."""
    pearson: float
    """0 if a latent is constant."""


@dataclass(frozen=True)
class Pair:
    """Two latents over the kept tokens of a bundle."""

    a: int
    b: int
    threshold: float
    """A latent is active on a token if its activation is above this."""
    window: int
    """Kept tokens of a window."""
    rows: Ints
    """[u] rows of the token table on which at least one latent has an activation, ascending."""
    values: PairValues
    """[u] each."""
    tables: dict[Unit, TwoByTwo]
    """The 2x2 table over each unit."""
    cosine: float
    """As in `ValueAssociation`."""
    pearson: float
    """As in `ValueAssociation`."""

    def active(self, where: Where) -> Bools:
        """Rows [u] on which both latents, only a, or only b are above the threshold."""
        first, second = self.values.a > self.threshold, self.values.b > self.threshold
        return {"both": first & second, "a": first & ~second, "b": second & ~first}[where]


def read_pair(
    bundle: Bundle, a: int, b: int, threshold: float | None = None, window: int = WINDOW
) -> Pair:
    """Count the pair (a, b) and read its activations.

    `threshold` is by default that of the bundle. Raises InputError if the bundle does not have an
    id, the ids are equal, the threshold is below the bundle's, or the window is below 1.
    """
    if threshold is None:
        threshold = bundle.manifest.parameters.active_threshold
    _check(bundle, a, b, threshold, window)
    rows_a, own_a = bundle.activations.of_latent(a)
    rows_b, own_b = bundle.activations.of_latent(b)
    rows = np.union1d(rows_a, rows_b).astype(np.int64)
    values = PairValues(np.zeros(len(rows)), np.zeros(len(rows)))
    values.a[np.searchsorted(rows, rows_a)] = own_a
    values.b[np.searchsorted(rows, rows_b)] = own_b
    association = _value_association(values, bundle.manifest.tokens)
    kept = bundle.kept_tokens
    first, second = rows[values.a > threshold], rows[values.b > threshold]
    tables: dict[Unit, TwoByTwo] = {
        unit: _table(
            kept.units_of(first, unit, window),
            kept.units_of(second, unit, window),
            kept.n_units(unit, window),
        )
        for unit in UNITS
    }
    return Pair(a, b, threshold, window, rows, values, tables, *association)


def _check(bundle: Bundle, a: int, b: int, threshold: float, window: int) -> None:
    count, own = bundle.latents.num_rows, bundle.manifest.parameters.active_threshold
    for latent in (a, b):
        if not 0 <= latent < count:
            raise InputError(
                f"{bundle.name}: there is no latent {latent}; choose one from 0 to {count - 1}."
            )
    if a == b:
        raise InputError(f"Latent {a} was given twice; give two different latents.")
    if not threshold >= own:
        raise InputError(
            f"{bundle.name}: stores only activations above {own:g}, so the threshold cannot be "
            f"{threshold:g}; choose {own:g} or more."
        )
    if window < 1:
        raise InputError(f"A window of {window} tokens is empty; choose 1 or more.")


def _table(a: npt.NDArray[Any], b: npt.NDArray[Any], n: int) -> TwoByTwo:
    """The 2x2 table from the ascending units in which a and b are active, with repeats."""
    first, second = _distinct(a), _distinct(b)
    joint = len(np.intersect1d(first, second, assume_unique=True))
    return TwoByTwo.from_margins(joint, len(first), len(second), n)


def _distinct(ascending: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values without repeats, as `numpy.unique` but without sorting."""
    if len(ascending) == 0:
        return ascending
    return ascending[np.concatenate([[True], ascending[1:] != ascending[:-1]])]


def _value_association(values: PairValues, n_tokens: int) -> ValueAssociation:
    """Cosine and Pearson's r over `n_tokens` tokens; both latents are 0 on tokens without a row.

    Pearson is computed from deviations, because a difference of sums of squares loses precision.
    """
    a, b = values
    silent = n_tokens - len(a)
    cosine = _normalised(float(a @ b), float(a @ a) * float(b @ b))
    mean_a, mean_b = a.sum() / n_tokens, b.sum() / n_tokens
    from_a, from_b = a - mean_a, b - mean_b
    covariance = float(from_a @ from_b) + silent * mean_a * mean_b
    spread_a = float(from_a @ from_a) + silent * mean_a**2
    spread_b = float(from_b @ from_b) + silent * mean_b**2
    return ValueAssociation(cosine, _normalised(covariance, spread_a * spread_b))


def _normalised(product: float, squares: float) -> float:
    """product / sqrt(squares), in [-1, 1]; 0 if `squares` is 0."""
    return float(np.clip(product / np.sqrt(squares), -1.0, 1.0)) if squares > 0 else 0.0


def joint_sample(pair: Pair, most: int = DRAWN, seed: int = 0) -> pa.Table:
    """Draw at most `most` rows uniformly from those on which at least one latent is active.

    Columns: token (row of the token table, ascending), a and b (activations, 0 where there is
    none).
    """
    either = np.flatnonzero(pair.active("both") | pair.active("a") | pair.active("b"))
    if len(either) > most:
        rng = np.random.Generator(np.random.Philox(key=[seed, _key(pair)]))
        either = np.sort(rng.choice(either, most, replace=False))
    return pa.table(
        {"token": pair.rows[either], "a": pair.values.a[either], "b": pair.values.b[either]}
    )


def _key(pair: Pair) -> int:
    """A number for each pair, so that different pairs have independent draws."""
    return (pair.a << 32) | pair.b


def pair_contexts(
    bundle: Bundle,
    pair: Pair,
    where: Where,
    picking: Picking = "even",
    most: int = CONTEXTS,
    seed: int = 0,
) -> pa.Table:
    """Contexts around tokens on which both latents are active, or only a, or only b.

    `even` ranks these tokens by the activation of the active latent, or, if both are active, by the
    smaller of the two activations, each divided by its latent's maximum. It picks tokens at even
    steps of rank, strongest first. `random` is a uniform draw in the order of the corpus.

    One row for each context: document (id), title, position (of the picked token), tokens [n], a
    [n] and b [n] (activations on these tokens), and peak (index of the picked token in the
    context).
    """
    rows = np.flatnonzero(pair.active(where))
    if picking == "random":
        rng = np.random.Generator(np.random.Philox(key=[seed + 1, _key(pair)]))
        chosen = np.sort(rng.choice(rows, min(most, len(rows)), replace=False))
    else:
        ranked = rows[np.argsort(-_strength(pair, where)[rows], kind="stable")]
        steps = np.linspace(0, max(len(ranked) - 1, 0), min(most, len(ranked)))
        chosen = ranked[np.round(steps).astype(np.int64)]
    return _windows(bundle, pair, pair.rows[chosen])


def _strength(pair: Pair, where: Where) -> Floats:
    """The value [u] by which `pair_contexts` ranks rows."""
    a, b = (values / max(values.max(initial=0.0), 1e-30) for values in pair.values)
    return {"both": np.minimum(a, b), "a": a, "b": b}[where]


def _windows(bundle: Bundle, pair: Pair, peaks: Ints) -> pa.Table:
    """The rows of `pair_contexts` for picked rows [p] of the token table."""
    around = rows_around(bundle.kept_tokens, peaks, CONTEXT_TOKENS)
    text, position = read_tokens(bundle.tokens_file, around.rows)
    place = np.minimum(np.searchsorted(pair.rows, around.rows), max(len(pair.rows) - 1, 0))
    lists = {"tokens": around.lists(text)}
    for name, values in zip(("a", "b"), pair.values, strict=True):
        shown = np.zeros(len(around.rows), dtype=np.float32)
        if len(shown):
            shown = np.where(pair.rows[place] == around.rows, values[place], 0.0).astype(np.float32)
        lists[name] = around.lists(shown)
    return pa.table(
        {
            "document": bundle.kept_tokens.documents[around.document],
            "title": bundle.documents["title"].take(pa.array(around.document)),
            "position": position[around.offsets[:-1] + around.peak],
            **lists,
            "peak": around.peak.astype(np.int16),
        }
    )
