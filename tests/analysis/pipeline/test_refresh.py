"""A refreshed bundle equals the built one, and its activations keep their bytes."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.build import build_bundle, refresh_bundle
from analysis.bundle import (
    SCHEMA_VERSION,
    TABLES,
    Bundle,
    Parameters,
    older_schemas,
    read_manifest,
)
from analysis.pipeline import refresh
from analysis.runtime.errors import InputError
from analysis.settings import BuildRequest, LabelSettings, RefreshRequest, SaeReading
from bench.compare_bundles import compare_bundles
from tests.bundles.sealing import reseal
from tests.planted import planted_activations, planted_sae

BUNDLES = Path(__file__).parents[2] / "bundles"
OLDER = [
    folder
    for folder in sorted(BUNDLES.glob("schema-*"))
    if folder.name != f"schema-{SCHEMA_VERSION}"
]
CARRIED = ("activations_by_latent", "activations_by_token", "tokens", "documents", "logits")


@pytest.fixture(scope="module")
def sae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted_sae(tmp_path_factory.mktemp("sae"))


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, sae: Path) -> Bundle:
    """A bundle of 1,200 tokens whose settings are not the defaults."""
    folder = tmp_path_factory.mktemp("old")
    planted = planted_activations(folder, documents=12, document_tokens=100)
    parameters = Parameters(seed=4, epochs=30, partners_kept=9, context_tokens=11, null_draws=1)
    request = BuildRequest(
        sae=str(sae), out=folder / "old", activations=planted.activations, parameters=parameters
    )
    return build_bundle(request)


@pytest.fixture
def request_(old: Bundle, sae: Path, tmp_path: Path) -> RefreshRequest:
    return RefreshRequest(bundle=old.path, sae=str(sae), out=tmp_path / "new")


def test_an_unchanged_refresh_gives_the_same_bundle(old: Bundle, request_: RefreshRequest) -> None:
    before = {file.name: file.read_bytes() for file in old.path.iterdir()}
    new = refresh_bundle(request_)
    assert list(compare_bundles(old.path, new.path)) == []
    for table in CARRIED:
        assert (new.path / f"{table}.parquet").read_bytes() == before[f"{table}.parquet"]
    assert new.manifest.bundle_id == old.manifest.bundle_id
    assert new.manifest.parameters == old.manifest.parameters
    assert {file.name: file.read_bytes() for file in old.path.iterdir()} == before
    assert [path.name for path in request_.out.parent.iterdir()] == ["new"]


@pytest.mark.parametrize("folder", OLDER, ids=lambda path: path.name)
def test_a_bundle_of_an_older_version_is_refreshed(folder: Path, sae: Path, tmp_path: Path) -> None:
    new = refresh_bundle(RefreshRequest(bundle=folder, sae=str(sae), out=tmp_path / "new"))
    assert new.manifest.schema_version == SCHEMA_VERSION
    for table in CARRIED:
        file = f"{table}.parquet"
        assert (new.path / file).read_bytes() == (folder / file).read_bytes()
    stored = read_manifest(folder)
    assert (new.manifest.tokens, new.manifest.documents) == (stored.tokens, stored.documents)
    assert new.manifest.parameters == stored.parameters
    # Only counts: coordinates may differ in their last digits between processors.
    counted = ("partners:", "latents: density", "latents: active")
    lines = [line for line in compare_bundles(folder, new.path) if "only in" not in line]
    assert [line for line in lines if line.startswith(counted)] == []


def test_there_are_older_bundles_to_refresh() -> None:
    assert [folder.name for folder in OLDER] == [f"schema-{i}" for i in sorted(older_schemas.OLDER)]


@pytest.mark.parametrize(("stored", "wanted"), [(6, 20), (7, 7), (20, 20)])
def test_an_old_default_becomes_the_new_one_and_a_choice_stays(
    old: Bundle, request_: RefreshRequest, stored: int, wanted: int
) -> None:
    parameters = old.manifest.parameters.model_copy(update={"contexts_per_kind": stored})
    manifest = old.manifest.model_copy(update={"parameters": parameters})
    schema = older_schemas.OlderSchema(old_defaults={"contexts_per_kind": 6})
    older = replace(old, manifest=manifest, schema=schema)
    renewed = parameters.model_copy(update={"contexts_per_kind": wanted})
    assert refresh._parameters(older, request_) == renewed
    assert refresh._parameters(older, replace(request_, parameters=parameters)) == parameters


def test_every_other_table_is_computed_again(
    old: Bundle, request_: RefreshRequest, tmp_path: Path
) -> None:
    """The old bundle's derived tables are not read, so an error in them does not live on."""
    emptied = tmp_path / "emptied"
    shutil.copytree(old.path, emptied)
    for table in set(TABLES) - {*CARRIED, "latents"}:
        pq.write_table(TABLES[table].empty_table(), emptied / f"{table}.parquet")
    reseal(emptied)
    new = refresh_bundle(replace(request_, bundle=emptied))
    assert list(compare_bundles(old.path, new.path)) == []


def test_another_seed_changes_the_map_and_not_the_counts(
    old: Bundle, request_: RefreshRequest
) -> None:
    parameters = old.manifest.parameters.model_copy(update={"seed": 5})
    new = refresh_bundle(replace(request_, parameters=parameters))
    assert new.manifest.parameters.seed == 5
    assert new.partners.all().equals(old.partners.all())
    x, y = (np.asarray(bundle.latents["x"].to_numpy()) for bundle in (old, new))
    assert not np.array_equal(x, y, equal_nan=True)


def test_what_needs_the_model_is_carried_over(
    old: Bundle, request_: RefreshRequest, tmp_path: Path
) -> None:
    """A manifest and logits as a build with a model writes them."""
    with_model = tmp_path / "with_model"
    shutil.copytree(old.path, with_model)
    file = with_model / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["model"] = {
        "name": "m",
        "architecture": "A",
        "layers": 2,
        "d_model": 32,
        "dtype": "float32",
        "content_hash": "c0",
    }
    manifest["sae"] |= {"name": "first name", "hook_module": "model.layers.1:output"}
    manifest["self_check"] |= {"explained_variance": 0.75, "fits": True, "verdict": "It fits."}
    manifest["mask"] |= {"policy": "BOS only.", "special_token_ids": [7]}
    file.write_text(json.dumps(manifest))
    row = {"latent": 0, "sign": "positive", "rank": 0, "token": "sea", "effect": 1.5}
    pq.write_table(
        pa.Table.from_pylist([row], schema=TABLES["logits"]), with_model / "logits.parquet"
    )
    reseal(with_model)
    new = refresh_bundle(replace(request_, bundle=with_model)).manifest
    for name in ("model", "corpus", "self_check", "mask", "sae", "tokens", "documents"):
        wanted = manifest[name]
        part = getattr(new, name)
        assert (part if isinstance(wanted, int) else part.model_dump()) == wanted
    assert pq.read_table(request_.out / "logits.parquet").to_pylist() == [row]


class _Interrupted(KeyboardInterrupt):
    pass


@pytest.mark.parametrize("step", ["latents", "co-occurrence, latents", "clusters"])
def test_an_interrupted_refresh_resumes_to_the_same_bundle(
    old: Bundle, request_: RefreshRequest, step: str
) -> None:
    seen: list[str] = []

    def stop(name: str, done: int, total: int) -> None:
        seen.append(name)
        if name == step:
            raise _Interrupted

    with pytest.raises(_Interrupted):
        refresh_bundle(request_, stop)
    assert not request_.out.exists()
    first, seen = set(seen), []
    new = refresh_bundle(request_, lambda name, done, total: seen.append(name))
    assert new.manifest.bundle_id == old.manifest.bundle_id
    assert first & set(seen) <= {step}
    assert "harvest, finished earlier" in seen


def test_another_sae_is_refused_before_any_work(request_: RefreshRequest, tmp_path: Path) -> None:
    other = planted_sae(tmp_path / "other", seed=1)
    with pytest.raises(InputError, match=r"^.*/other: is not the SAE of .*; give sae0 with"):
        refresh_bundle(replace(request_, sae=str(other)))
    scaled = replace(request_, overrides=SaeReading(input_scale=0.5))
    with pytest.raises(InputError, match="is not the SAE of"):
        refresh_bundle(scaled)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


@pytest.mark.parametrize("table", ["tokens", "activations_by_latent", "relations"])
def test_a_damaged_bundle_is_refused(
    old: Bundle, request_: RefreshRequest, tmp_path: Path, table: str
) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(old.path, damaged)
    file = damaged / f"{table}.parquet"
    content = bytearray(file.read_bytes())
    content[40] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match="do not match its id"):
        refresh_bundle(replace(request_, bundle=damaged))
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=f"{table}.parquet: is not a readable"):
        refresh_bundle(replace(request_, bundle=damaged))
    file.unlink()
    with pytest.raises(InputError, match=f"{table}.parquet: is missing"):
        refresh_bundle(replace(request_, bundle=damaged))
    assert [path.name for path in tmp_path.iterdir()] == ["damaged"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 10),
        ("block_tokens", 7),
        ("prepend_bos", True),
        ("sink_norm_ratio", 50.0),
        ("active_threshold", 1.0),
        ("dtype", "float32"),
    ],
)
def test_settings_of_the_harvest_cannot_change(
    old: Bundle, request_: RefreshRequest, name: str, value: object
) -> None:
    parameters = old.manifest.parameters.model_copy(update={name: value})
    with pytest.raises(InputError, match=f"built with {name} .* to {value}; build a new"):
        refresh_bundle(replace(request_, parameters=parameters))


def test_explanations_are_added(request_: RefreshRequest, tmp_path: Path) -> None:
    given = tmp_path / "given.csv"
    given.write_text("latent,explanation\n3,whales and ships\n")
    new = refresh_bundle(replace(request_, labels=LabelSettings(explanations=given)))
    assert new.latents["explanation"][3].as_py() == "whales and ships"
    assert new.manifest.labels is not None
    assert new.manifest.labels.explanations == ["imported: given.csv"]


def test_an_existing_folder_is_refused(old: Bundle, request_: RefreshRequest) -> None:
    with pytest.raises(InputError, match="already exists"):
        refresh_bundle(replace(request_, out=old.path))
