"""One pair of latents, straight from the stored activations: counts, values, and where they fire.

The 2x2 table is counted by token, by window and by document, all over kept tokens. A window is
`window` consecutive kept tokens of one document and never crosses into the next document; the last
window of a document has what is left, down to a single token, and counts as one window. A latent
is active in a window or a document when it is active on one of its tokens, so two latents may share
a window without sharing a token.

Read are the row groups of the two latents alone, and of the token table those that hold the
contexts that are shown. What is known of the corpus as a whole, where documents end and which
tokens are masked, is read once for each bundle and kept.
"""

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.bundle import UNITS, WINDOW, Bundle, Unit
from analysis.cooccurrence import Picking, Where
from analysis.cooccurrence.association import TwoByTwo
from analysis.latents.contexts import read_tokens, rows_around
from analysis.runtime.errors import InputError

CONTEXT_TOKENS = 21
CONTEXTS = 6
DRAWN = 3_000

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
WHERE: tuple[Where, ...] = get_args(Where)


@dataclass(frozen=True)
class Pair:
    """Two latents over the kept tokens of a bundle."""

    a: int
    b: int
    threshold: float
    """A latent is active on a token where its activation is larger."""
    window: int
    rows: Ints
    """[u] rows of the token table on which at least one of the two has an activation, ascending."""
    values: tuple[Floats, Floats]
    """Activations [u] of a and of b on these rows, 0 where it has none."""
    tables: dict[Unit, TwoByTwo]
    cosine: float
    """Of the activations over all kept tokens, whatever the threshold; 0 where one is dead."""
    pearson: float
    """Of the activations over all kept tokens, whatever the threshold; 0 where one is constant."""

    def active(self, where: Where) -> npt.NDArray[np.bool_]:
        """Which of the rows [u] have both, only a, or only b above the threshold."""
        first, second = (values > self.threshold for values in self.values)
        return {"both": first & second, "a": first & ~second, "b": second & ~first}[where]


def read_pair(
    bundle: Bundle, a: int, b: int, threshold: float | None = None, window: int = WINDOW
) -> Pair:
    """Everything about the pair (a, b).

    `threshold` is the bundle's own where None; below it nothing is stored. InputError: there is no
    such latent, both are the same one, the threshold is below the bundle's, or a window is empty.
    """
    t = bundle.manifest.parameters.active_threshold if threshold is None else threshold
    _check(bundle, a, b, t, window)
    (rows_a, own_a), (rows_b, own_b) = (bundle.activations.of_latent(one) for one in (a, b))
    rows = np.union1d(rows_a, rows_b).astype(np.int64)
    values = tuple(np.zeros(len(rows)) for _ in range(2))
    for into, at, own in zip(values, (rows_a, rows_b), (own_a, own_b), strict=True):
        into[np.searchsorted(rows, at)] = own
    cosine, pearson = _value_association(values[0], values[1], bundle.manifest.tokens)
    kept = bundle.kept_tokens
    first, second = (rows[into > t] for into in values)
    tables: dict[Unit, TwoByTwo] = {
        unit: _table(
            kept.units_of(first, unit, window),
            kept.units_of(second, unit, window),
            kept.n_units(unit, window),
        )
        for unit in UNITS
    }
    return Pair(a, b, t, window, rows, (values[0], values[1]), tables, cosine, pearson)


def _check(bundle: Bundle, a: int, b: int, threshold: float, window: int) -> None:
    count, own = bundle.latents.num_rows, bundle.manifest.parameters.active_threshold
    for latent in (a, b):
        if not 0 <= latent < count:
            raise InputError(
                f"{bundle.name}: there is no latent {latent}; choose one from 0 to {count - 1}."
            )
    if a == b:
        raise InputError(f"A pair is of two latents; {a} was given twice.")
    if not threshold >= own:
        raise InputError(
            f"{bundle.name}: holds activations above {own:g} alone, so {threshold:g} is no "
            "threshold; choose a larger one."
        )
    if window < 1:
        raise InputError(f"A window has at least one token, not {window}.")


def _table(a: npt.NDArray[Any], b: npt.NDArray[Any], n: int) -> TwoByTwo:
    """From the ascending units in which a and b are active, each named once or more often."""
    first, second = _distinct(a), _distinct(b)
    joint = len(np.intersect1d(first, second, assume_unique=True))
    return TwoByTwo.from_margins(joint, len(first), len(second), n)


def _distinct(ascending: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if len(ascending) == 0:
        return ascending
    return ascending[np.concatenate([[True], ascending[1:] != ascending[:-1]])]


def _value_association(a: Floats, b: Floats, n_tokens: int) -> tuple[float, float]:
    """Cosine and Pearson's r over n_tokens tokens, of which those not given are 0 in both.

    Pearson is taken from deviations, not from sums of squares, which would cancel.
    """
    silent = n_tokens - len(a)
    cosine = _over(float(a @ b), float(a @ a) * float(b @ b))
    mean_a, mean_b = a.sum() / n_tokens, b.sum() / n_tokens
    from_a, from_b = a - mean_a, b - mean_b
    covariance = float(from_a @ from_b) + silent * mean_a * mean_b
    spread_a = float(from_a @ from_a) + silent * mean_a**2
    spread_b = float(from_b @ from_b) + silent * mean_b**2
    return cosine, _over(covariance, spread_a * spread_b)


def _over(product: float, squares: float) -> float:
    return float(np.clip(product / np.sqrt(squares), -1.0, 1.0)) if squares > 0 else 0.0


def joint_sample(pair: Pair, most: int = DRAWN, seed: int = 0) -> pa.Table:
    """Rows on which either is active, at most `most`, drawn evenly without replacement.

    Columns: token (row of the token table, ascending), a, b: activations, 0 where not active.
    """
    either = np.flatnonzero(pair.active("both") | pair.active("a") | pair.active("b"))
    if len(either) > most:
        rng = np.random.Generator(np.random.Philox(key=[seed, _key(pair)]))
        either = np.sort(rng.choice(either, most, replace=False))
    return pa.table(
        {"token": pair.rows[either], "a": pair.values[0][either], "b": pair.values[1][either]}
    )


def _key(pair: Pair) -> int:
    """A number of the pair, so that each pair has draws of its own."""
    return (pair.a << 32) | pair.b


def pair_contexts(
    bundle: Bundle,
    pair: Pair,
    where: Where,
    picking: Picking = "even",
    most: int = CONTEXTS,
    seed: int = 0,
) -> pa.Table:
    """Windows of the corpus around tokens where both are active, or only a, or only b.

    Tokens are ranked by the activation of the latent that fires, and where both do by the smaller
    of the two activations, each divided by the largest of its latent. `even` takes them at even
    steps from the first rank to the last, strongest first; `random` draws them without
    replacement, in the order of the corpus. One row each: document, title, position, tokens [n],
    a [n] and b [n], their activations, and peak, where the picked token stands in the window.
    """
    found = np.flatnonzero(pair.active(where))
    if picking == "random":
        rng = np.random.Generator(np.random.Philox(key=[seed + 1, _key(pair)]))
        chosen = np.sort(rng.choice(found, min(most, len(found)), replace=False))
    else:
        ranked = found[np.argsort(-_strength(pair, where)[found], kind="stable")]
        steps = np.linspace(0, max(len(ranked) - 1, 0), min(most, len(ranked)))
        chosen = ranked[np.round(steps).astype(np.int64)]
    return _windows(bundle, pair, pair.rows[chosen])


def _strength(pair: Pair, where: Where) -> Floats:
    """What tokens [u] are ranked by."""
    shares = [values / max(values.max(initial=0.0), 1e-30) for values in pair.values]
    if where == "both":
        return np.minimum(*shares)
    return shares[0] if where == "a" else shares[1]


def _windows(bundle: Bundle, pair: Pair, peaks: Ints) -> pa.Table:
    """The rows of `pair_contexts` around some rows [p] of the token table."""
    around = rows_around(bundle.kept_tokens, peaks, CONTEXT_TOKENS)
    text, position = read_tokens(bundle.path / "tokens.parquet", around.rows)
    place = np.minimum(np.searchsorted(pair.rows, around.rows), max(len(pair.rows) - 1, 0))
    lists = {"tokens": around.lists(text)}
    for name, values in zip(("a", "b"), pair.values, strict=True):
        known = np.zeros(len(around.rows), dtype=np.float32)
        if len(known):
            known = np.where(pair.rows[place] == around.rows, values[place], 0.0).astype(np.float32)
        lists[name] = around.lists(known)
    return pa.table(
        {
            "document": bundle.kept_tokens.documents[around.document],
            "title": bundle.documents["title"].take(pa.array(around.document)),
            "position": position[around.offsets[:-1] + around.peak],
            **lists,
            "peak": around.peak.astype(np.int16),
        }
    )
