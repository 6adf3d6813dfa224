"""The manifest refuses what it does not know and stays as it is."""

import json

import pytest
from pydantic import ValidationError

from analysis.bundle import Bundle, Manifest, Parameters


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
