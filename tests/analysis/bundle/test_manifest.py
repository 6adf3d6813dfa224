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
