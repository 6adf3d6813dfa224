"""Where the SAE and the model of a bundle are looked for."""

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.bundle import Bundle, ModelSource
from analysis.harvest.own_text.local_files import MODELS, models_of, saes_of, search_folders
from analysis.runtime.errors import InputError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(MODELS, f"{tmp_path / 'mine'}:{tmp_path / 'absent'}")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "mine"


def named(bundle: Bundle, sae: str, model: str | None = None) -> Bundle:
    """The bundle with other names of SAE and model."""
    manifest = bundle.manifest
    source = None
    if model is not None:
        source = ModelSource(
            name=model, architecture="x", layers=2, d_model=4, dtype="float32", content_hash="0"
        )
    changed = manifest.model_copy(
        update={"sae": manifest.sae.model_copy(update={"name": sae}), "model": source}
    )
    return replace(bundle, manifest=changed)


def test_named_folders_come_first_and_one_level_below_counts(
    planted_bundle: Bundle, folder: Path, tmp_path: Path
) -> None:
    bundle = named(planted_bundle, "my-sae")
    assert search_folders(bundle.path)[:2] == [folder, tmp_path / "absent"]
    for place in (folder / "release" / "my-sae", tmp_path / "cache" / "models" / "my-sae"):
        place.mkdir(parents=True)
    for below in ("release/deeper", ".venv"):
        (folder / below / "my-sae").mkdir(parents=True)
    expected = [folder / "release" / "my-sae", tmp_path / "cache" / "models" / "my-sae"]
    assert saes_of(bundle) == [str(place) for place in expected]


def test_what_is_not_here_is_said_with_what_to_do(planted_bundle: Bundle, folder: Path) -> None:
    with pytest.raises(InputError, match=f"The SAE my-sae .* not on this machine.* {MODELS} set"):
        saes_of(named(planted_bundle, "my-sae"))
    with pytest.raises(InputError, match="The model gpt of this bundle is not on this machine"):
        models_of(named(planted_bundle, "my-sae", "gpt"))
    with pytest.raises(InputError, match="imported activations, so there is no model"):
        models_of(named(planted_bundle, "my-sae"))


@pytest.mark.parametrize("name", ["", ".", "..", "../secret", "/etc", "a/../b"])
def test_a_bundle_names_no_place_outside(planted_bundle: Bundle, folder: Path, name: str) -> None:
    (folder / "below").mkdir(parents=True)
    with pytest.raises(InputError, match="not on this machine"):
        saes_of(named(planted_bundle, name))


@pytest.mark.parametrize("name", ["org/repo", "org/repo:layer_3@main", "release-jb:blocks.8.x"])
def test_names_of_the_hub_are_given_to_its_cache(
    planted_bundle: Bundle, folder: Path, name: str
) -> None:
    assert saes_of(named(planted_bundle, name)) == [name]
