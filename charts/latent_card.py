"""What a card on the map tells of a latent, and what its neighbourhood is."""

from dataclasses import dataclass

import numpy as np

from analysis.bundle import Bundle, LevelName
from analysis.cooccurrence.ranking import ranked_partners
from analysis.decoder.map_verdict import MapName
from analysis.labels.label_summary import GOOD_PRECISION
from analysis.latents.windows import WindowReader
from analysis.runtime.numbers import density, fraction, short
from charts.cluster_level import level_of
from charts.concordance import activation_ratio, whole_texts
from charts.context_snippets import shown_contexts
from charts.core.cache import cached
from charts.core.hues import ink
from charts.core.latents import check_latent
from charts.core.measures import check_measure, title_of, value_texts
from charts.core.names import name_by_latent
from charts.core.text import shown_label, shown_token
from charts.map_view import places
from charts.readable_names import short_name

WINDOW = 20
"""Tokens of the context on a card."""
TOKENS = 6
"""Top tokens on a card."""
NEAREST = 8
"""Neighbours of each kind around a latent in focus."""


@dataclass(frozen=True)
class CardToken:
    """One token of the context."""

    text: str
    ratio: float
    """Its activation divided by the latent's own maximum, 0 to 1."""


@dataclass(frozen=True)
class CardCluster:
    """The cluster of the latent at the level that colours the map."""

    cluster: int
    name: str
    light: str
    """Its colour as text on a light background."""
    dark: str


@dataclass(frozen=True)
class LatentCard:
    """What a card shows. All texts are for display, with control characters made visible."""

    latent: int
    name: str
    """Its label; empty if it has none."""
    score: str
    """How well the label predicts its activity; empty without a label."""
    weak: bool
    """Whether the label is wrong more often than right on held-out text, or has no score."""
    density: str
    flag: str
    """Its density class, unless it is live."""
    cluster: CardCluster | None
    tokens: tuple[str, ...]
    context: tuple[CardToken, ...]
    """The strongest context; empty for a dead latent."""
    picked: int
    """Index of the token in the context that has the largest activation."""
    source: str
    """Title of the document of the context."""
    partners: int
    """Latents stored as active on the same tokens."""


@cached
def latent_card(bundle: Bundle, latent: int, level: LevelName | None = None) -> LatentCard:
    """The card of a latent; `level` is that of its cluster, None for the one shown first.

    Raises InputError if the bundle has no such latent or level.
    """
    check_latent(bundle, latent)
    row = bundle.latents.slice(latent, 1).to_pylist()[0]
    context, picked, source = _context(bundle, latent, row["max"])
    precision = row["label_precision"]
    return LatentCard(
        latent=latent,
        name=shown_label(row["label"], 80),
        score=_score(row["label"], precision, row["label_recall"]),
        weak=precision is None or precision < GOOD_PRECISION,
        density=density(row["density"]),
        flag="" if row["flag"] == "live" else row["flag"],
        cluster=_cluster(bundle, latent, level),
        tokens=tuple(shown_token(token) for token in (row["top_tokens"] or [])[:TOKENS]),
        context=context,
        picked=picked,
        source=source,
        partners=bundle.partners.of(latent, ["latent"]).num_rows,
    )


def _score(label: str, precision: float | None, recall: float | None) -> str:
    if not label:
        return ""
    if precision is None:
        return "label not scored"
    return f"label precision {fraction(precision)}, recall {fraction(recall)}"


def _cluster(bundle: Bundle, latent: int, level: LevelName | None) -> CardCluster | None:
    clustering = level_of(bundle, level)
    cluster = int(clustering.of_latent[latent])
    if cluster < 0:
        return None
    colour = clustering.colours[cluster]
    place = clustering.table["cluster"].to_pylist().index(cluster)
    name = shown_label(clustering.table["label"][place].as_py(), 60) or f"cluster {cluster}"
    return CardCluster(cluster, name, ink(colour), ink(colour, dark=True))


def _context(
    bundle: Bundle, latent: int, largest: float | None
) -> tuple[tuple[CardToken, ...], int, str]:
    """A strong context, the index of its picked token, and the title of its document."""
    first = shown_contexts(bundle, np.array([latent]))
    if first.num_rows == 0:
        return (), 0, ""
    window = WindowReader.of(bundle).read(first, WINDOW).to_pylist()[0]
    place = np.flatnonzero(bundle.documents["document"].to_numpy() == window["document"])
    title = bundle.documents["title"][int(place[0])].as_py() if len(place) else ""
    whole = whole_texts(window["tokens"])
    tokens = tuple(
        CardToken(
            one.text,
            round(activation_ratio(max(window["activations"][one.start : one.stop]), largest), 3),
        )
        for one in whole
    )
    picked = next(i for i, one in enumerate(whole) if window["peak"] < one.stop)
    return tokens, picked, shown_label(title, 60)


@dataclass(frozen=True)
class Neighbour:
    """One latent around the latent in focus."""

    latent: int
    name: str
    x: float
    y: float
    nearest: str
    """Cosine of the two decoder vectors as text; empty if it is not among the nearest."""
    partner: str
    """The measure of the pair as text; empty if it is not among the strongest partners."""


@dataclass(frozen=True)
class MapNeighbourhood:
    """The nearest decoder vectors and the strongest partners of a latent that are on a map."""

    latent: int
    x: float
    y: float
    measure: str
    """What the measure of the partners is called."""
    neighbours: tuple[Neighbour, ...]


@cached
def map_neighbourhood(
    bundle: Bundle, latent: int, map_name: MapName, measure: str = "phi"
) -> MapNeighbourhood | None:
    """What surrounds a latent on a map; None if the latent itself is not on it.

    Up to `NEAREST` of each kind: by the cosine of the decoder vectors, and by `ranked_partners`.
    Raises InputError for an unknown latent or measure.
    """
    check_latent(bundle, latent)
    check_measure(measure)
    x, y = places(bundle, map_name)
    on_map = np.isfinite(x) & np.isfinite(y)
    if not on_map[latent]:
        return None
    near = bundle.neighbours.of(latent).sort_by("rank").slice(0, NEAREST)
    partners = ranked_partners(bundle, latent, measure, most=NEAREST)
    cosines = dict(
        zip(near["neighbour"].to_pylist(), map(short, near["cosine"].to_pylist()), strict=True)
    )
    measured = dict(
        zip(partners["partner"].to_pylist(), value_texts(partners[measure], measure), strict=True)
    )
    others = list(dict.fromkeys([*cosines, *measured]))
    names = name_by_latent(bundle, others)
    return MapNeighbourhood(
        latent,
        float(x[latent]),
        float(y[latent]),
        title_of(measure),
        tuple(
            Neighbour(
                other,
                short_name(names[other]).text or str(other),
                float(x[other]),
                float(y[other]),
                cosines.get(other, ""),
                measured.get(other, ""),
            )
            for other in others
            if on_map[other]
        ),
    )
