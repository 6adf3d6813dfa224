"""Requests for the data of the map: those that its page makes, and random ones."""

import random

from analysis.bundle import SPACES, Bundle
from charts.map_columns import COLOUR_NAMES
from pages.server import map_cards, map_data, map_names, map_neighbourhood, map_rows
from tests.faults.links import HOSTILE, RAW, quoted, random_selection, random_value

ROUTES = (
    *map_data.ROUTES,
    *map_names.ROUTES,
    *map_cards.ROUTES,
    *map_neighbourhood.ROUTES,
    *map_rows.ROUTES,
)
OF_A_PAGE = (
    "positions/decoder",
    "column/cluster",
    "column/density",
    "names/decoder",
    "names/decoder/0/0/0",
    "card/1",
    "neighbourhood/decoder/1",
    "rows/decoder.csv",
)
"""What a reader of the map gets, by the end of its address."""


def address(bundle_id: str, identity: str, rest: str) -> str:
    """The address of a request; `rest` begins after the identity of the bundle's files."""
    return f"/map-data/{quoted(bundle_id)}/{quoted(identity)}/{rest}"


def random_request(draw: random.Random, bundle: Bundle) -> str:
    """An address on the server; most of its parts are valid."""
    if draw.random() < 0.05:
        parts = (_part(draw, valid) for valid in ("map-modules", "0", "index.js"))
        return "/" + "/".join(map(quoted, parts))
    latents = bundle.manifest.sae.d_sae
    number = str(draw.choice((0, 1, 7, latents - 1, latents, 2**31, "9" * 5000, "1.5", "-1", "٣")))
    on_map = draw.choice(("decoder", "decoder", "cooccurrence"))
    kind, *names = draw.choice(
        (
            ("positions", on_map),
            ("column", draw.choice(COLOUR_NAMES)),
            ("column", "association"),
            ("names", on_map),
            ("names", on_map, *(str(draw.choice((0, 1, 3, 99, 10**7))) for _ in range(3))),
            ("card", number),
            ("neighbourhood", on_map, number),
            ("rows", f"{on_map}.{draw.choice(('csv', 'parquet', 'exe'))}"),
        )
    )
    rest = "/".join(quoted(_part(draw, part)) for part in (kind, *names))
    of_bundle = (_part(draw, bundle.manifest.bundle_id), _part(draw, bundle.identity))
    query = "&".join(f"{name}={quoted(value)}" for name, value in _parameters(draw, latents))
    raw = draw.choice(RAW) if draw.random() < 0.05 else ""
    return f"{address(*of_bundle, rest)}?{query}{raw}"


def _part(draw: random.Random, valid: str) -> str:
    return valid if draw.random() < 0.95 else draw.choice(HOSTILE)


def _parameters(draw: random.Random, latents: int) -> list[tuple[str, str]]:
    """Parameters of a request, some of them twice."""
    parameters = []
    if draw.random() < 0.6:
        level = str(draw.choice((0, 1, 2, 99, 2**31, "9" * 5000, "", "x")))
        parameters += [("space", _part(draw, draw.choice(SPACES))), ("level", level)]
    for name in ("latent", "measure", "colour"):
        if draw.random() < 0.5:
            parameters.append((name, random_value(draw, name, latents)))
    if draw.random() < 0.5:
        parameters.append(("select", random_selection(draw, latents)))
    if parameters and draw.random() < 0.1:
        parameters.append((draw.choice(parameters)[0], draw.choice(HOSTILE)))
    draw.shuffle(parameters)
    return parameters
