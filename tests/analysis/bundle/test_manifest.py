"""The manifest refuses what it does not know and stays as it is."""

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
