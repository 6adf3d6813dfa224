"""What a map can show, against the columns of the latent table."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.bundle import Bundle
from charts.map_view import (
    maps_of,
    part_of_map,
    places,
    whole_map,
)


@pytest.fixture(scope="module")
def two_maps(tiny: Bundle) -> Bundle:
    """The bundle with the quality of its map by co-occurrence, too."""
    manifest = tiny.manifest.model_copy(update={"map_cooccurrence": tiny.manifest.map})
    return replace(tiny, manifest=manifest)


def test_a_bundle_has_one_map_or_two(tiny: Bundle, two_maps: Bundle) -> None:
    assert maps_of(tiny) == ["decoder"]
    assert maps_of(two_maps) == ["decoder", "cooccurrence"]


def test_places_are_the_columns_of_the_map(tiny: Bundle) -> None:
    latents = tiny.latents.to_pandas()
    for map_name, columns in (
        ("decoder", ["x", "y"]),
        ("cooccurrence", ["x_cooccurrence", "y_cooccurrence"]),
    ):
        found = places(tiny, map_name)  # type: ignore[arg-type]
        for values, column in zip(found, columns, strict=True):
            np.testing.assert_array_equal(values, latents[column])


def test_a_part_has_the_selected_latents_and_a_margin_of_three_percent(tiny: Bundle) -> None:
    latents = tiny.latents.to_pandas()
    selected = np.arange(120) % 8 == 3
    own = latents[selected & latents["x"].notna()]
    bounds = part_of_map(tiny, selected)
    assert bounds is not None
    for (low, high), values in zip((bounds[:2], bounds[2:]), (own["x"], own["y"]), strict=True):
        margin = 0.03 * (values.max() - values.min())
        assert low == pytest.approx(values.min() - margin, rel=1e-6)
        assert high == pytest.approx(values.max() + margin, rel=1e-6)


def test_a_part_of_one_latent_is_two_wide_and_of_no_latent_is_none(tiny: Bundle) -> None:
    x, y = (tiny.latents[name][50].as_py() for name in ("x", "y"))
    assert part_of_map(tiny, np.arange(120) == 50) == (x - 1, x + 1, y - 1, y + 1)
    # Latent 0 is dead and has no place.
    assert part_of_map(tiny, np.arange(120) == 0) is None


def test_the_whole_map_has_every_latent(tiny: Bundle) -> None:
    assert whole_map(tiny) == part_of_map(tiny, np.ones(120, dtype=bool))
    x0, x1, y0, y1 = whole_map(tiny, "cooccurrence")
    assert (y0, y1, x0, x1) == whole_map(tiny)  # the conftest stores the axes swapped
    empty = tiny.latents.set_column(
        tiny.latents.schema.get_field_index("x"), "x", [[float("nan")] * 120]
    )
    without = replace(tiny)
    object.__setattr__(without, "latents", empty)
    assert whole_map(without) == (0.0, 1.0, 0.0, 1.0)
