"""A complete bundle opens without heavy libraries; an incomplete one is refused in one sentence."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.bundle import (
    MANIFEST,
    TABLES,
    Bundle,
    open_bundle,
)
from analysis.runtime.errors import InputError


@pytest.fixture
def copy(planted_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted_bundle.path, tmp_path / "copy"))


def test_open_bundle_gives_every_table(planted_bundle: Bundle) -> None:
    for name, schema in TABLES.items():
        assert pq.read_schema(planted_bundle.path / f"{name}.parquet").equals(schema)
    latents = planted_bundle.latents
    assert latents["latent"].to_pylist() == list(range(planted_bundle.manifest.sae.d_sae))


def _damage(folder: Path, how: str) -> None:
    manifest = folder / MANIFEST
    content = json.loads(manifest.read_text(encoding="utf-8"))
    match how:
        case "no manifest":
            manifest.unlink()
        case "not JSON":
            manifest.write_text("{", encoding="utf-8")
        case "a list":
            manifest.write_text("[]", encoding="utf-8")
        case "deep":
            manifest.write_text("[" * 100_000, encoding="utf-8")
        case "schema version 99":
            manifest.write_text(json.dumps(content | {"schema_version": 99}), encoding="utf-8")
        case "tokens":
            manifest.write_text(json.dumps(content | {"tokens": "many"}), encoding="utf-8")
        case "is missing":
            (folder / "partners.parquet").unlink()
        case "not a readable Parquet":
            (folder / "latents.parquet").write_bytes(b"PAR1 nothing")
        case "lacks the column joint_tokens":
            table = pq.read_table(folder / "partners.parquet").drop_columns(["joint_tokens"])
            pq.write_table(table, folder / "partners.parquet")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no manifest", "is not a bundle"),
        ("not JSON", "not a readable manifest"),
        ("a list", "not a readable manifest"),
        ("deep", "not a readable manifest"),
        ("schema version 99", "schema version 99"),
        ("tokens", "the field tokens"),
        ("is missing", "is missing"),
        ("not a readable Parquet", "not a readable Parquet"),
        ("lacks the column joint_tokens", "lacks the column joint_tokens"),
    ],
)
def test_what_is_not_whole_is_refused_in_one_sentence(copy: Path, how: str, message: str) -> None:
    _damage(copy, how)
    with pytest.raises(InputError) as caught:
        open_bundle(copy)
    assert message in str(caught.value)
    assert copy.name in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        open_bundle(tmp_path / "nothing")


def test_many_threads_read_one_open_bundle(planted_bundle: Bundle) -> None:
    """As the sessions of a server do, which share what is open."""
    expected = [planted_bundle.activations.of_latent(latent) for latent in range(200)]
    contexts = [planted_bundle.contexts.of(latent) for latent in range(40)]

    def read(latent: int) -> bool:
        again = planted_bundle.activations.of_latent(latent)
        alike = all(np.array_equal(a, b) for a, b in zip(again, expected[latent], strict=True))
        return alike and planted_bundle.contexts.of(latent % 40).equals(contexts[latent % 40])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, [*range(200)] * 5))


def test_opening_and_selecting_load_no_heavy_library(planted_bundle: Bundle) -> None:
    code = (
        "import sys; from analysis.bundle import open_bundle; import analysis.selection as s; "
        f"bundle = open_bundle({str(planted_bundle.path)!r}); "
        "bundle.kept_tokens; bundle.activations.of_latent(0); "
        "print(int(s.evaluate(s.parse('flag=dead'), bundle).sum()), "
        "sorted({'torch', 'transformers', 'numba', 'umap', 'sklearn'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "6 []"


@pytest.mark.parametrize(("size", "opens"), [(4_000_000, True), (4_000_001, False)])
def test_a_manifest_has_at_most_four_million_bytes(copy: Path, size: int, opens: bool) -> None:
    file = copy / MANIFEST
    file.write_bytes(file.read_bytes().ljust(size))
    if opens:
        assert open_bundle(copy).manifest.tokens > 0
    else:
        with pytest.raises(InputError, match="has more than 4,000,000 bytes"):
            open_bundle(copy)
