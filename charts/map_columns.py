"""Colours of the points of a map by any column, as codes for the browser.

A latent has a code: 0 for no value, else the place of its value in a palette. Words and clusters
have a code each; numbers have 255 steps of a linear or logarithmic scale.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analysis.bundle import TABLES, Bundle, LevelName
from analysis.cooccurrence.ranking import ranked_partners
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count
from analysis.selection import (
    MAP_COLUMNS,
    Cluster,
    Compare,
    Flag,
    HasStatus,
    Latents,
    Profile,
    Selection,
    Tagged,
    both,
)
from charts.cluster_level import level_of, level_words
from charts.colour_steps import STEPS, Scale, in_sections, scale_of, step_colours
from charts.core.cache import cached
from charts.core.latents import check_latent
from charts.core.measures import check_measure, is_bounded, title_of
from charts.core.scheme import Scheme, dark_of
from charts.core.text import range_words, shown_label
from charts.core.theme import CLUSTER_COLOURS, FLAG_COLOURS, NO_CLUSTER
from charts.note_colours import NOTE_COLOURS, NOTE_STATUS, NOTE_TAG, colours_of, noted_codes
from charts.profile_colours import main_values, offered_profiles, profile_column
from charts.text_colours import OWN_TEXT, shares_of

CLUSTER = "cluster"
ASSOCIATION = "association"
PROFILE = "profile"
PALE = (NO_CLUSTER, dark_of(NO_CLUSTER))
"""The colour of points without a value, on a light and on a dark background."""
LINEAR_UNITS = ("fraction", "rank", "cosine", "correlation", "probability")
"""Units whose scale is linear; only densities are fractions of many sizes."""
MOST_IDS = 2_000
"""Latents that a click in the legend may write into a selection."""
NOT_OFFERED = (
    "latent",
    "cluster",
    "cluster_cooccurrence",
    *(name for columns in MAP_COLUMNS.values() for name in columns),
)
"""Columns that name or place a latent; its clusters are offered by level."""
_TITLES = {
    "mean": "mean activation",
    "std": "standard deviation of the activation",
    "median": "median activation",
    "p90": "90th percentile of the activation",
    "max": "largest activation",
    "flag": "density class",
    "map_recall": "kNN recall@10 of the decoder map",
    "map_agreement": "agreement of the decoder map over seeds",
    "moved": "moved between the two maps",
    "reading_item": "place of its family in the reading order",
    "reading_rank": "place in the reading order",
    "intruder": "contexts given away by words",
    "label_contexts": "held-out words on which it is active",
    "outside_label": "activation outside the label",
}
"""Titles of columns whose names do not say enough."""


@dataclass(frozen=True)
class Entry:
    """One line of a legend: the codes that it stands for and its number of latents."""

    code: int
    """The first of its codes, by which a click names it."""
    last: int
    """The last of its codes."""
    label: str
    total: int


@dataclass(frozen=True)
class Colouring:
    """The code of every latent, and what the codes mean.

    `codes` [n_latents] is uint8 or uint16, little-endian; 0 means that the latent has no value.
    """

    name: str
    kind: Literal["categorical", "continuous"]
    title: str
    meaning: str
    """What the column holds, with its unit."""
    codes: npt.NDArray[Any]
    light: tuple[str, ...]
    """The colour of each code on a light background."""
    dark: tuple[str, ...]
    """The colour of each code on a dark background."""
    entries: tuple[Entry, ...]
    scale: Scale | None = None
    """Of numbers."""
    values: npt.NDArray[np.float64] | None = None
    """The numbers [n_latents]; NaN where a latent has none."""
    ids: tuple[int, ...] = ()
    """The cluster of each entry."""
    column: str = ""
    """The column of the documents, if the entries are its values."""
    words: tuple[str, ...] = ()
    """The value of each entry, as it is stored."""

    def palette(self, scheme: Scheme) -> tuple[str, ...]:
        """The colour of each code in a scheme."""
        return self.dark if scheme == "dark" else self.light


class Offer(NamedTuple):
    """A column by which a map can be coloured."""

    title: str
    meaning: str
    linear: bool = False
    """Whether its scale is linear whatever its values are."""


def is_number(kind: pa.DataType) -> bool:
    """Whether values of this type are drawn on a scale."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def is_word(kind: pa.DataType) -> bool:
    """Whether values of this type are drawn as categories."""
    return bool(pa.types.is_dictionary(kind))


COLOUR_NAMES = (
    CLUSTER,
    ASSOCIATION,
    PROFILE,
    OWN_TEXT,
    *NOTE_COLOURS,
    *(
        field.name
        for field in TABLES["latents"]
        if field.name not in NOT_OFFERED and (is_number(field.type) or is_word(field.type))
    ),
)
"""Everything that a link may colour a map by; a bundle may lack some of it."""


@cached
def offered_columns(bundle: Bundle) -> dict[str, Offer]:
    """What a map of this bundle can be coloured by; columns with one value are left out."""
    offers = {
        CLUSTER: Offer("cluster", "the cluster at the chosen level"),
        ASSOCIATION: Offer("association with a latent", "how strongly it fires with the latent"),
    }
    offers[OWN_TEXT] = Offer("your text", "largest activation on it / maximum in the corpus", True)
    offers[NOTE_STATUS] = Offer("status of its note", "what readers say of the latent")
    offers[NOTE_TAG] = Offer("tag of its note", "the most frequent of the tags of its note")
    if columns := offered_profiles(bundle):
        offers[PROFILE] = Offer(
            " or ".join(columns[:2]),
            "the value of the documents on which it fires most, if q ≤ 0.05",
        )
    for field in TABLES["latents"]:
        if field.name in COLOUR_NAMES and _varies(bundle.latents[field.name]):
            unit = (field.metadata or {}).get(b"unit", b"").decode()
            linear = unit in LINEAR_UNITS and field.name != "density"
            offers[field.name] = Offer(_title(field.name), _meaning(field), linear)
    return offers


def _varies(values: pa.ChunkedArray) -> bool:
    known = values.drop_null()
    return len(known.unique()) > 1 if len(known) else False


def _title(name: str) -> str:
    return _TITLES.get(name, name.replace("_", " "))


def _meaning(field: pa.Field) -> str:
    facts = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
    unit = facts.get("unit", "")
    return f"{facts.get('meaning', '')} ({unit})" if unit else facts.get("meaning", "")


@cached
def colouring(
    bundle: Bundle,
    name: str,
    level: LevelName | None = None,
    latent: int | None = None,
    measure: str = "phi",
    regime: tuple[float, float] | None = None,
    profile: str = "",
    text: str = "",
) -> Colouring:
    """The colours of the latents by a column, by the clusters of a level, or by association.

    `level` is that of "cluster"; None for the one shown first. "association" colours the partners
    of `latent` by `measure`, or those of a range `regime` of its activation. "profile" is by the
    main value in the column `profile` of the documents. `text` has the shares of "own_text"
    (`charts.text_colours`), or the latents of "note_status" or "note_tag" (`charts.note_colours`).
    Raises InputError for an unknown column, level, latent or measure.
    """
    if name == CLUSTER:
        return _by_cluster(bundle, level)
    if name == ASSOCIATION:
        return _by_association(bundle, latent, measure, regime)
    if name in (OWN_TEXT, *NOTE_COLOURS):
        return _by_text(bundle, name, text)
    if name == PROFILE and offered_profiles(bundle):
        return _by_profile(bundle, profile_column(bundle, profile))
    known = offered_columns(bundle)
    if name not in known:
        raise InputError(f"Map: cannot colour by {name!r}; choose one of {', '.join(known)}.")
    values = bundle.latents[name]
    offer = known[name]
    if is_word(values.type):
        return _by_word(name, offer, values)
    numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return _by_number(name, offer, numbers)


def _by_cluster(bundle: Bundle, level: LevelName | None) -> Colouring:
    clustering = level_of(bundle, level)
    ids, names = clustering.table["cluster"].to_pylist(), clustering.names()
    code_of = np.zeros(max(ids, default=-1) + 2, dtype=np.int64)
    code_of[ids] = np.arange(1, len(ids) + 1)
    # A latent without a cluster has -1, the last place, which stays 0.
    return _categorical(
        CLUSTER,
        Offer(f"cluster ({level_words(clustering.name)})", "the cluster at this level"),
        code_of[clustering.of_latent],
        [(names[i], clustering.colours[i]) for i in ids],
        tuple(ids),
    )


def _by_word(name: str, offer: Offer, values: pa.ChunkedArray) -> Colouring:
    encoded = values.combine_chunks()
    words = encoded.dictionary.to_pylist()
    used = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    totals = np.bincount(used[used >= 0], minlength=len(words))
    order = [i for i in np.argsort(-totals, kind="stable").tolist() if totals[i] and words[i]]
    code_of = np.zeros(len(words) + 1, dtype=np.int64)
    code_of[order] = np.arange(1, len(order) + 1)
    colours = [
        FLAG_COLOURS.get(words[i], CLUSTER_COLOURS[k % len(CLUSTER_COLOURS)])
        for k, i in enumerate(order)
    ]
    named = [(words[i], colour) for i, colour in zip(order, colours, strict=True)]
    return _categorical(name, offer, code_of[used], named)


def _by_profile(bundle: Bundle, column: str) -> Colouring:
    main = main_values(bundle, column)
    colours = [CLUSTER_COLOURS[i % len(CLUSTER_COLOURS)] for i in range(len(main.values))]
    coloured = _categorical(
        PROFILE,
        Offer(f"documents by {column}", offered_columns(bundle)[PROFILE].meaning),
        main.codes,
        list(zip(main.values, colours, strict=True)),
    )
    return replace(coloured, column=column, words=main.values)


def _by_text(bundle: Bundle, name: str, text: str) -> Colouring:
    offer = offered_columns(bundle)[name]
    if name == OWN_TEXT:
        return _by_number(name, offer, shares_of(bundle, text))
    words, codes = noted_codes(text, bundle.latents.num_rows)
    named = list(zip(words, colours_of(name, words), strict=True))
    return replace(_categorical(name, offer, codes, named), words=words)


def _categorical(
    name: str,
    offer: Offer,
    codes: npt.NDArray[np.int64],
    named: list[tuple[str, str]],
    ids: tuple[int, ...] = (),
) -> Colouring:
    """Codes of categories with these names and colours, in the order of their codes from 1."""
    totals = np.bincount(codes, minlength=len(named) + 1).tolist()
    colours = [colour for _, colour in named]
    return Colouring(
        name,
        "categorical",
        offer.title,
        offer.meaning,
        codes.astype("<u1" if len(named) < STEPS + 1 else "<u2"),
        (PALE[0], *colours),
        (PALE[1], *map(dark_of, colours)),
        tuple(
            Entry(code, code, shown_label(label), totals[code])
            for code, (label, _) in enumerate(named, 1)
        ),
        ids=ids,
    )


def _by_number(
    name: str, offer: Offer, values: npt.NDArray[np.float64], on_top: int | None = None
) -> Colouring:
    """Steps of a scale; `on_top` is a latent that has the last step whatever its value."""
    scale = scale_of(values, linear=offer.linear)
    codes = scale.codes(values)
    sections = in_sections(scale, codes)
    if on_top is not None:
        codes[on_top] = STEPS
    spacing = " (log scale)" if scale.kind == "log" else ""
    return Colouring(
        name,
        "continuous",
        f"{offer.title}{spacing}",
        offer.meaning,
        codes,
        (PALE[0], *step_colours(dark=False)),
        (PALE[1], *step_colours(dark=True)),
        tuple(Entry(*section) for section in sections),
        scale,
        values,
    )


def _by_association(
    bundle: Bundle, latent: int | None, measure: str, regime: tuple[float, float] | None
) -> Colouring:
    if latent is None:
        raise InputError("Map: choose a latent to colour by the association with it.")
    check_latent(bundle, latent)
    check_measure(measure)
    if regime is None:
        partners = ranked_partners(bundle, latent, measure)
        own = f"latent {latent}"
    else:
        # Imported here because numba would delay the first page.
        from analysis.cooccurrence.regime_partners import regime_partners  # noqa: PLC0415

        partners = regime_partners(bundle, latent, *regime, measure)
        own = f"latent {latent} at activation {range_words(regime)}"
    values = np.full(bundle.latents.num_rows, np.nan)
    values[partners["partner"].to_numpy()] = partners[measure].to_numpy()
    offer = Offer(
        f"{title_of(measure)} with {own}",
        f"{count(partners.num_rows)} ranked partners of {own}; others have no value",
        linear=is_bounded(measure),
    )
    return _by_number(ASSOCIATION, offer, values, on_top=latent)


def _part_of_word(colours: Colouring, word: str) -> Selection:
    if colours.column:
        return Profile(colours.column, word)
    return HasStatus((word,)) if colours.name == NOTE_STATUS else Tagged((word,))


def part_of(colours: Colouring, code: int) -> Selection:
    """The selection of the latents that an entry of the legend stands for.

    `code` is the first code of the entry. Raises InputError if there is no such entry, or if a
    selection cannot name its latents.
    """
    entry = next((entry for entry in colours.entries if entry.code == code), None)
    if entry is None:
        raise InputError(f"Map: the legend has no entry {code}; reload the page.")
    if colours.ids:
        return Cluster((colours.ids[code - 1],))
    if colours.words:
        return _part_of_word(colours, colours.words[code - 1])
    if colours.name == "flag":
        return Flag((entry.label,))
    if colours.scale is not None and colours.name not in (ASSOCIATION, OWN_TEXT):
        low, high = colours.scale.bounds(entry.code, entry.last)
        above = () if low is None else (Compare(colours.name, ">=", low),)
        below = () if high is None else (Compare(colours.name, "<", high),)
        parts: tuple[Selection, ...] = (*above, *below)
        return both(*parts) if len(parts) == 2 else parts[0]
    inside = (colours.codes >= entry.code) & (colours.codes <= entry.last)
    ids = np.flatnonzero(inside)
    if len(ids) > MOST_IDS:
        raise InputError(
            f"Map: {count(len(ids))} latents are too many to select by the legend of "
            f"{colours.title}; use another column."
        )
    return Latents(tuple(ids.tolist()))
