"""The contract: what is written reads back, what is not whole is refused in one sentence."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import (
    MANIFEST,
    TABLES,
    Bundle,
    LatentTable,
    open_bundle,
    publish,
    write_table,
)
from analysis.runtime.errors import InputError


@pytest.fixture
def copy(planted_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted_bundle.path, tmp_path / "copy"))


def test_every_column_says_its_unit_and_meaning() -> None:
    for schema in TABLES.values():
        for entry in schema:
            assert entry.metadata[b"unit"]
            assert entry.metadata[b"meaning"]


def test_open_bundle_gives_every_table(planted_bundle: Bundle) -> None:
    for name, schema in TABLES.items():
        assert pq.read_schema(planted_bundle.path / f"{name}.parquet").equals(schema)
    latents = planted_bundle.latents
    assert latents["latent"].to_pylist() == list(range(planted_bundle.manifest.sae.d_sae))


def test_by_latent_and_by_token_hold_the_same_pairs(planted_bundle: Bundle) -> None:
    stored = planted_bundle.activations
    by_latent = {
        (int(token), latent): float(value)
        for latent in range(planted_bundle.latents.num_rows)
        for token, value in zip(*stored.of_latent(latent), strict=True)
    }
    assert len(by_latent) == sum(planted_bundle.latents["active_tokens"].to_pylist())
    rows = np.random.default_rng(0).choice(planted_bundle.tokens.num_rows, 50, replace=False)
    for row in rows:
        latents, values = stored.of_token(int(row))
        expected = {pair: v for pair, v in by_latent.items() if pair[0] == row}
        found = {(int(row), int(a)): float(v) for a, v in zip(latents, values, strict=True)}
        assert found == expected
    latents, counts = stored.latents_of_tokens(0, planted_bundle.tokens.num_rows)
    assert len(latents) == len(by_latent) == counts.sum()


def test_rows_of_some_latents(tmp_path: Path) -> None:
    latents = np.repeat(np.arange(20_000, dtype=np.int32), 5)
    columns = {
        "latent": latents,
        "rank": np.tile(np.arange(5, dtype=np.int16), 20_000),
        "neighbour": latents[::-1],
        "cosine": np.zeros(len(latents), np.float32),
    }
    write_table(tmp_path, "neighbours", pa.table(columns))
    table = LatentTable(tmp_path / "neighbours.parquet")
    assert table.rows == 100_000
    wanted = [0, 13_106, 13_107, 13_108, 19_999, 50_000]
    found = table.of(wanted)["latent"].to_pylist()
    assert found == [latent for latent in wanted[:-1] for _ in range(5)]
    assert table.of([]).num_rows == 0


def test_publish_is_one_rename_and_never_overwrites(copy: Path, tmp_path: Path) -> None:
    manifest = open_bundle(copy).manifest
    again = publish(copy, manifest, tmp_path / "published")
    assert again.manifest.bundle_id == manifest.bundle_id
    assert not copy.exists()
    shutil.copytree(again.path, copy)
    with pytest.raises(InputError, match="exists already"):
        publish(copy, manifest, again.path)


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
    ("how", "said"),
    [
        ("no manifest", "is no bundle"),
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
def test_what_is_not_whole_is_refused_in_one_sentence(copy: Path, how: str, said: str) -> None:
    _damage(copy, how)
    with pytest.raises(InputError) as caught:
        open_bundle(copy)
    assert said in str(caught.value)
    assert str(copy) in str(caught.value)
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
