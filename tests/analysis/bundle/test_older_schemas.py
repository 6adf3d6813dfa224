"""Bundles of older versions: kept ones open, missing parts are filled in, the rest is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import (
    MANIFEST,
    SCHEMA_VERSION,
    TABLES,
    Bundle,
    LatentTable,
    open_bundle,
    read_manifest,
    stored_content_id,
    verify,
)
from analysis.bundle.older_schemas import OLDER, REFRESH_TABLES, OlderSchema
from analysis.bundle.schema import OPTIONAL_TABLES
from analysis.runtime.errors import InputError
from tests.bundles import make
from tests.planted import DEAD, DENSE, LATENTS, planted_activations

KEPT = Path(make.__file__).parent
SCHEMA_2 = KEPT / "schema-2"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SCHEMA_2, tmp_path / "copy"))


def with_version(folder: Path, version: object, without: str | None = None) -> Path:
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    content.pop(without, None)
    text = json.dumps(content | {"schema_version": version})
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    return folder


def without_column(folder: Path, table: str, column: str) -> None:
    file = folder / f"{table}.parquet"
    pq.write_table(pq.read_table(file).drop_columns([column]), file)


def test_every_readable_version_has_a_small_kept_bundle() -> None:
    kept = {int(folder.name.removeprefix("schema-")) for folder in KEPT.glob("schema-*")}
    assert kept >= {2, *OLDER} and kept <= {SCHEMA_VERSION, *OLDER}
    for folder in KEPT.glob("schema-*"):
        assert sum(file.stat().st_size for file in folder.iterdir()) < 1_000_000


@pytest.mark.parametrize("folder", sorted(KEPT.glob("schema-*")), ids=lambda folder: folder.name)
def test_every_table_of_a_kept_bundle_is_read(folder: Path) -> None:
    bundle = open_bundle(folder)
    assert stored_content_id(folder) == bundle.manifest.bundle_id
    for name, schema in TABLES.items():
        if name.startswith("activations"):
            continue
        table = getattr(bundle, name)
        if table is None:
            assert name in OPTIONAL_TABLES and name not in bundle.files
            continue
        rows = table.all() if isinstance(table, LatentTable) else table
        kinds = dict(zip(schema.names, schema.types, strict=True))
        assert dict(zip(rows.column_names, rows.schema.types, strict=True)) == kinds, name


def test_the_kept_bundle_of_schema_3_has_clusters_and_a_null_draw_of_both_spaces() -> None:
    bundle = open_bundle(KEPT / "schema-3")
    assert bundle.manifest.schema_version == 3
    assert {level.space for level in bundle.manifest.clustering} == {"decoder", "cooccurrence"}
    assert bundle.clusters["believable"].null_count == 0
    assert set(bundle.null_latents["space"].to_pylist()) == {"decoder", "cooccurrence"}
    assert bundle.manifest.null_map is not None
    maps = bundle.manifest.map_cooccurrence
    assert maps is not None and maps.agreement is not None


def test_the_kept_bundle_of_schema_2_shows_what_was_planted(tmp_path: Path) -> None:
    planted = planted_activations(
        tmp_path, documents=make.DOCUMENTS, document_tokens=make.DOCUMENT_TOKENS, seed=make.SEED
    )
    given = pq.read_table(planted.activations)
    bundle = open_bundle(SCHEMA_2)
    latents = bundle.latents.to_pylist()
    counts = np.bincount(given["latent"].to_numpy(), minlength=LATENTS)
    assert [row["active_tokens"] for row in latents] == counts.tolist()
    dead = {row["latent"] for row in latents if row["flag"] == "dead"}
    assert dead == set(np.flatnonzero(counts == 0)) and set(DEAD) <= dead
    assert set(DENSE) <= {row["latent"] for row in latents if row["flag"] == "dense"}
    row = given["document"].to_numpy() * make.DOCUMENT_TOKENS + given["position"].to_numpy()
    for latent in (0, 12, 199):
        tokens, values = bundle.activations.of_latent(latent)
        own = given["latent"].to_numpy() == latent
        assert np.array_equal(tokens, row[own])
        np.testing.assert_allclose(values, given["activation"].to_numpy()[own], rtol=2**-11)
    assert bundle.manifest.tokens == planted.n_tokens == 1_440
    assert bundle.manifest.documents == bundle.documents.num_rows == 12
    assert bundle.kept_tokens.ends.tolist() == [120 * i for i in range(1, 13)]
    on_row_7 = given["latent"].to_numpy()[row == 7]
    assert bundle.activations.of_token(7)[0].tolist() == sorted(on_row_7)


def test_a_missing_column_and_field_are_filled_in(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_column(copy, "latents", "flag")
    without_column(copy, "latents", "moved")
    without_column(copy, "partners", "joint_documents")
    with_version(copy, 1, without="labels")
    columns = {
        **OLDER[2].columns,
        ("latents", "flag"): "live",
        ("latents", "moved"): None,
        ("partners", "joint_documents"): 7,
    }
    older = replace(OLDER[2], columns=columns, fields={"labels": None})
    monkeypatch.setitem(OLDER, 1, older)
    bundle, whole = open_bundle(copy), open_bundle(SCHEMA_2)
    assert bundle.manifest.labels is None and bundle.manifest.tokens == whole.manifest.tokens
    assert set(bundle.latents["flag"].to_pylist()) == {"live"}
    assert bundle.latents["moved"].null_count == LATENTS
    assert bundle.latents["label"].equals(whole.latents["label"])
    for name, rows in (("latents", bundle.latents), ("partners", bundle.partners.of([0, 3]))):
        assert {f.name: f.type for f in rows.schema} == {f.name: f.type for f in TABLES[name]}
    assert set(bundle.partners.of([0, 3])["joint_documents"].to_pylist()) == {7}
    assert bundle.partners.of([]).num_columns == len(TABLES["partners"])
    assert bundle.partners.all()["partner"].equals(whole.partners.all()["partner"])
    assert sum(len(piece) for piece in bundle.partners.pieces()) == bundle.partners.rows


def test_only_the_named_columns_may_be_missing(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_column(copy, "latents", "moved")
    without_column(copy, "latents", "median")
    with_version(copy, 1)
    columns = {**OLDER[2].columns, ("latents", "moved"): None}
    monkeypatch.setitem(OLDER, 1, replace(OLDER[2], columns=columns))
    with pytest.raises(InputError, match="lacks the column median of type float"):
        open_bundle(copy)


def test_a_stored_value_is_never_replaced() -> None:
    older = OlderSchema(columns={("documents", "title"): "none"}, fields={"tokens": 0})
    rows = pa.table({"title": ["sea"]})
    assert older.completed("documents", rows).equals(rows)
    assert older.completed_manifest({"tokens": 5}) == {"tokens": 5}


def test_a_field_that_no_longer_exists_is_ignored(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = json.loads((copy / MANIFEST).read_text(encoding="utf-8")) | {"mood": "good"}
    (copy / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match="the field mood is not valid"):
        open_bundle(copy)
    removed = frozenset({"mood", *OLDER[2].removed_fields})
    monkeypatch.setitem(OLDER, 1, replace(OLDER[2], removed_fields=removed))
    assert open_bundle(with_version(copy, 1)).manifest.tokens == 1_440
    assert read_manifest(copy).tokens == 1_440


def test_a_bundle_that_only_refresh_reads(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (copy / "relations.parquet").unlink()
    with_version(copy, 1)
    monkeypatch.setitem(OLDER, 1, replace(OLDER[2], opens=False))
    command = f"`clearwater refresh {copy} --sae SAE --out NEW`"
    for read in (open_bundle, read_manifest):
        with pytest.raises(InputError, match="schema version 1") as caught:
            read(copy)
        assert command in str(caught.value)
    opened = open_bundle(copy, to_refresh=True)
    assert len(opened.activations.of_latent(0)[0]) > 0
    (copy / f"{REFRESH_TABLES[0]}.parquet").unlink()
    with pytest.raises(InputError, match="is missing, so the bundle is incomplete"):
        open_bundle(copy, to_refresh=True)


def test_refresh_checks_every_table_of_a_bundle_that_opens(copy: Path) -> None:
    (copy / "relations.parquet").unlink()
    with pytest.raises(InputError, match=r"relations\.parquet: is missing"):
        open_bundle(copy, to_refresh=True)


def test_schema_1_is_built_again(copy: Path) -> None:
    for to_refresh in (False, True):
        with pytest.raises(InputError, match="reads version 3; build the bundle again") as caught:
            open_bundle(with_version(copy, 1), to_refresh=to_refresh)
    assert "`clearwater build --sae SAE --model MODEL --corpus CORPUS --out NEW`" in str(
        caught.value
    )


@pytest.mark.parametrize("version", [SCHEMA_VERSION + 1, 99, "2", None])
def test_the_error_for_a_newer_or_unknown_schema_recommends_an_update(
    copy: Path, version: object
) -> None:
    with pytest.raises(InputError, match="update Clearwater") as caught:
        open_bundle(with_version(copy, version))
    assert f"schema version {version!r}" in str(caught.value)


def test_the_id_of_a_stored_bundle_notices_a_change(planted_bundle: Bundle, copy: Path) -> None:
    assert stored_content_id(planted_bundle.path) == planted_bundle.manifest.bundle_id
    before = stored_content_id(copy)
    without_column(copy, "memberships", "level")
    assert stored_content_id(copy) != before


def test_the_clusters_of_schema_2_are_of_the_decoder_and_nothing_is_known_of_nulls() -> None:
    bundle = open_bundle(SCHEMA_2)
    levels = bundle.manifest.clustering
    assert [level.level for level in levels] == list(range(len(levels))) != []
    assert {level.space for level in levels} == {"decoder"}
    assert [level.shown_first for level in levels] == [True] + [False] * (len(levels) - 1)
    assert {level.null_draws for level in levels} == {0}
    assert bundle.manifest.clusters_shown_first == "decoder"
    assert bundle.manifest.first_level() == levels[0]
    assert bundle.manifest.first_level("cooccurrence") is None
    for table in (bundle.clusters, bundle.memberships, bundle.cluster_pairs):
        assert set(table["space"].to_pylist()) == {"decoder"}
    for column in ("stability_null", "bootstrap_null", "believable"):
        assert bundle.clusters[column].null_count == bundle.clusters.num_rows
    assert bundle.latents["cluster_cooccurrence"].null_count == LATENTS
    stored = pq.read_table(SCHEMA_2 / "latents.parquet")["cluster"]
    assert bundle.latents["cluster"].equals(stored)


def test_the_id_of_schema_2_depends_on_a_table_that_is_not_read(copy: Path) -> None:
    problems_of = [report.problem for report in verify(open_bundle(SCHEMA_2))]
    assert problems_of == [""] * (len(TABLES) - len(OPTIONAL_TABLES) + 1)
    without_column(copy, "communities", "level")
    assert stored_content_id(copy) != open_bundle(SCHEMA_2).manifest.bundle_id
    problems = {report.table: report.problem for report in verify(open_bundle(copy))}
    assert "its id is not that of its tables" in problems.pop("manifest")
    (copy / "communities.parquet").unlink()
    problems = {report.table: report.problem for report in verify(open_bundle(copy))}
    assert "its id is not that of its tables" in problems.pop("manifest")
    assert set(problems.values()) == {""}


@pytest.mark.parametrize("levels", [3, "x", [5], [{}], [{"level": "x"}], None])
def test_damaged_levels_of_schema_2_are_refused(copy: Path, levels: object) -> None:
    content = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
    text = json.dumps(content | {"clustering": levels, "checksum": ""})
    (copy / MANIFEST).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"the field clustering.* is not valid"):
        open_bundle(copy)


def test_a_bundle_may_lack_the_tables_of_chance_only_if_it_never_had_them(
    planted_bundle: Bundle, tmp_path: Path
) -> None:
    assert set(OPTIONAL_TABLES) == {
        "null_latents", "null_clusters", "document_values", "latent_profiles", "cluster_profiles",
    }  # fmt: skip
    older = open_bundle(SCHEMA_2)
    assert older.document_values.num_rows == older.cluster_profiles.num_rows == 0
    assert older.latent_profiles is None
    assert planted_bundle.latent_profiles is not None
    assert older.null_latents.schema == TABLES["null_latents"]
    assert older.null_latents.num_rows == older.null_clusters.num_rows == 0
    assert planted_bundle.null_latents.num_rows > 0
    lost = Path(shutil.copytree(planted_bundle.path, tmp_path / "lost"))
    (lost / "null_latents.parquet").unlink()
    with pytest.raises(InputError, match=r"null_latents\.parquet: is missing"):
        open_bundle(lost)
    added = Path(shutil.copytree(SCHEMA_2, tmp_path / "added"))
    for table in OPTIONAL_TABLES:
        shutil.copy(planted_bundle.path / f"{table}.parquet", added)
    assert open_bundle(added).null_latents.num_rows > 0
