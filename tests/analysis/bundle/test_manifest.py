"""The manifest refuses what it does not know and stays as it is."""

import contextlib
import json

import pytest
from pydantic import ValidationError

from analysis.bundle import Bundle, ClusterLevel, Manifest, Parameters, Space


def test_a_manifest_survives_json(planted_bundle: Bundle) -> None:
    stored = json.loads(json.dumps(planted_bundle.manifest.model_dump()))
    assert Manifest.model_validate(stored) == planted_bundle.manifest


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="mood"):
        Parameters.model_validate({"mood": "good"})


def test_a_manifest_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Parameters().seed = 1


def test_settings_have_their_documented_defaults() -> None:
    assert Parameters().model_dump() == {
        "max_tokens": None,
        "block_tokens": 256,
        "prepend_bos": False,
        "sink_norm_ratio": 100.0,
        "active_threshold": 0.0,
        "seed": 0,
        "partners_kept": 32,
        "minimum_joint": 10,
        "neighbours": 15,
        "context_tokens": 21,
        "contexts_per_kind": 20,
        "minimum_cluster": 5,
        "epochs": None,
        "null_draws": None,
        "dtype": "bfloat16",
    }


def test_the_level_shown_first_has_clusters_if_any_has(planted_bundle: Bundle) -> None:
    def level(space: Space, clusters: int, level: int = 0, first: bool = True) -> ClusterLevel:
        return ClusterLevel(
            space=space, level=level, clusters=clusters, noise=1, stability=1.0, shown_first=first
        )

    def first(*levels: ClusterLevel, space: Space | None = None) -> ClusterLevel | None:
        changed = {"clustering": list(levels), "clusters_shown_first": "cooccurrence"}
        return planted_bundle.manifest.model_copy(update=changed).first_level(space)

    decoder, empty = level("decoder", 3, 1), level("cooccurrence", 0)
    assert first(decoder, level("cooccurrence", 2)) == level("cooccurrence", 2)
    assert first(level("decoder", 5, first=False), decoder, empty) == decoder
    assert first(decoder, empty, space="cooccurrence") == empty
    assert first(level("decoder", 0), empty) == empty
    assert first(level("decoder", 3, first=False)) is None


@pytest.mark.parametrize(
    ("place", "least"),
    [
        (("sae", "d_in"), 1),
        (("sae", "d_sae"), 1),
        (("sae", "d_out"), 1),
        (("mask", "special_tokens"), 0),
        (("mask", "sink_tokens"), 0),
        (("map", "latents"), 0),
        (("map", "left_out"), 0),
        (("clustering", 0, "level"), 0),
        (("clustering", 0, "clusters"), 0),
        (("clustering", 0, "noise"), 0),
        (("relations", 0, "tested"), 0),
        (("relations", 0, "listed"), 0),
        (("labels", "held_out_words"), 0),
        (("reading", "coverage", 0, "items"), 1),
        (("tokens",), 0),
        (("documents",), 0),
    ],
)
def test_counts_have_a_least_value(
    planted_bundle: Bundle, place: tuple[str | int, ...], least: int
) -> None:
    for value, is_valid in ((least, True), (least - 1, False)):
        stored = json.loads(json.dumps(planted_bundle.manifest.model_dump()))
        part = stored
        for name in place[:-1]:
            part = part[name]
        part[place[-1]] = value
        if is_valid:
            Manifest.model_validate(stored)
        else:
            with pytest.raises(ValidationError, match=str(place[-1])):
                Manifest.model_validate(stored)


@pytest.mark.parametrize(("share", "is_valid"), [(0, True), (1, True), (-0.1, False), (1.1, False)])
def test_a_share_is_from_zero_to_one(planted_bundle: Bundle, share: float, is_valid: bool) -> None:
    stored = json.loads(json.dumps(planted_bundle.manifest.model_dump()))
    stored["reading"]["coverage"][0]["mass"] = share
    with contextlib.nullcontext() if is_valid else pytest.raises(ValidationError, match="mass"):
        Manifest.model_validate(stored)


@pytest.mark.parametrize(("ratio", "is_valid"), [(1.01, True), (1.0, False)])
def test_the_norm_of_a_sink_is_above_the_median(ratio: float, is_valid: bool) -> None:
    with contextlib.nullcontext() if is_valid else pytest.raises(ValidationError):
        Parameters(sink_norm_ratio=ratio)
