"""A changed byte is noticed: in the manifest and the footers at once, in a page when it is read."""

import hashlib
import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from analysis.bundle import MANIFEST, TABLES, Bundle, open_bundle
from analysis.bundle.checksums import manifest_checksum, sealed, stored_tables
from analysis.runtime.errors import InputError
from tests.bundles.sealing import reseal


@pytest.fixture
def copy(planted_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted_bundle.path, tmp_path / "copy"))


def flip(file: Path, place: int) -> None:
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


def test_the_manifest_holds_the_hash_of_every_file(planted_bundle: Bundle) -> None:
    tables = planted_bundle.manifest.tables
    assert set(tables) == set(TABLES)
    for table, stored in tables.items():
        content = (planted_bundle.path / f"{table}.parquet").read_bytes()
        assert stored.sha256 == hashlib.sha256(content).hexdigest()
        length = int.from_bytes(content[-8:-4], "little")
        assert stored.footer == hashlib.sha256(content[-8 - length :]).hexdigest()
        assert stored.rows == pq.read_table(planted_bundle.path / f"{table}.parquet").num_rows
    assert planted_bundle.without_checksums == []


def test_sealing_again_changes_nothing(planted_bundle: Bundle) -> None:
    assert sealed(planted_bundle.path, planted_bundle.manifest) == planted_bundle.manifest


def test_a_changed_manifest_is_refused(copy: Path) -> None:
    file = copy / MANIFEST
    content = json.loads(file.read_text(encoding="utf-8"))
    for name, value in (("versions", {"numpy": "0"}), ("bundle_id", "0" * 16), ("tokens", 1)):
        file.write_text(json.dumps(content | {name: value}), encoding="utf-8")
        with pytest.raises(InputError, match=r"copy/manifest.json: was changed after"):
            open_bundle(copy)
    file.write_text(json.dumps(content | {"timings": {"harvest": 9.0}}), encoding="utf-8")
    assert open_bundle(copy).manifest.timings == {"harvest": 9.0}


def test_a_changed_footer_is_refused(copy: Path) -> None:
    file = copy / "partners.parquet"
    flip(file, file.read_bytes().rindex(b"crc32"))
    with pytest.raises(InputError, match=r"copy/partners.parquet: is not the file that"):
        open_bundle(copy)


EMPTY = {"logits", "document_values", "latent_profiles", "cluster_profiles"}
"""Tables without rows, since no model was run and the documents have no values."""


@pytest.mark.parametrize("table", sorted(set(TABLES) - EMPTY))
def test_a_changed_page_is_refused_when_it_is_read(copy: Path, table: str) -> None:
    flip(copy / f"{table}.parquet", 60)
    bundle = open_bundle(copy)
    with pytest.raises(InputError, match=rf"copy/{table}.parquet: .*(page checksum|decoded)"):
        match table:
            case "activations_by_latent":
                bundle.activations.of_latent(0)
            case "activations_by_token":
                bundle.activations.latents_of_tokens(0, 1)
            case "neighbours" | "partners" | "relations" | "contexts":
                getattr(bundle, table).all()
            case _:
                getattr(bundle, table)


def test_a_table_without_its_hash_is_refused(copy: Path) -> None:
    file = copy / MANIFEST
    content = json.loads(file.read_text(encoding="utf-8"))
    del content["tables"]["logits"]
    content["checksum"] = manifest_checksum(content)
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match="has no hash of the table logits"):
        open_bundle(copy)


@pytest.mark.parametrize("table", ["neighbours", "partners", "contexts", "memberships"])
def test_rows_that_are_missing_are_noticed_even_with_new_hashes(copy: Path, table: str) -> None:
    file = copy / f"{table}.parquet"
    rows = pq.read_table(file)
    pq.write_table(rows.slice(0, rows.num_rows - 1), file)
    reseal(copy, count_rows=False)
    message = (
        f"copy/{table}.parquet: has {rows.num_rows - 1:,} rows, but the manifest states "
        f"{rows.num_rows:,};"
    )
    with pytest.raises(InputError, match=message):
        open_bundle(copy)


def test_a_manifest_that_predates_the_numbers_of_rows_opens(copy: Path) -> None:
    file = copy / MANIFEST
    content = json.loads(file.read_text(encoding="utf-8"))
    for stored in content["tables"].values():
        del stored["rows"]
    content["checksum"] = manifest_checksum(content)
    file.write_text(json.dumps(content), encoding="utf-8")
    assert open_bundle(copy).manifest.bundle_id == content["bundle_id"]


def test_only_tables_that_exist_are_hashed(copy: Path) -> None:
    (copy / "logits.parquet").unlink()
    assert set(stored_tables(copy)) == set(TABLES) - {"logits"}
