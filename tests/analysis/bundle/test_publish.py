"""A bundle is published by one rename under an id of its content."""

import hashlib
import shutil
from pathlib import Path

import pytest

from analysis.bundle import (
    Bundle,
    check_destination,
    open_bundle,
    publish,
    stored_content_id,
)
from analysis.bundle.checksums import sealed
from analysis.runtime.errors import InputError, ResumableError


@pytest.fixture
def copy(planted_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted_bundle.path, tmp_path / "copy"))


def test_publish_is_one_rename_and_never_overwrites(copy: Path, tmp_path: Path) -> None:
    manifest = open_bundle(copy).manifest
    again = publish(copy, manifest, tmp_path / "published")
    assert again.manifest.bundle_id == manifest.bundle_id
    assert not copy.exists()
    shutil.copytree(again.path, copy)
    with pytest.raises(InputError, match="already exists"):
        publish(copy, manifest, again.path)


def test_a_table_that_changed_since_it_was_written_is_not_published(
    copy: Path, tmp_path: Path
) -> None:
    manifest = open_bundle(copy).manifest
    file = copy / "memberships.parquet"
    written = {file.stem: hashlib.sha256(file.read_bytes()).hexdigest()}
    content = file.read_bytes()
    file.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    with pytest.raises(ResumableError, match=r"memberships\.parquet: has changed since"):
        publish(copy, manifest, tmp_path / "published", written)
    assert copy.exists() and not (tmp_path / "published").exists()
    file.write_bytes(content)
    publish(copy, manifest, tmp_path / "published", written)
    with pytest.raises(ResumableError, match="other"):
        publish(tmp_path / "published", manifest, tmp_path / "again", {"other": "0"})


def test_a_link_that_leads_nowhere_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "bundle").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="already exists"):
        check_destination(tmp_path / "bundle")


def test_only_content_changes_the_id(copy: Path) -> None:
    manifest = open_bundle(copy).manifest
    assert stored_content_id(copy) == sealed(copy, manifest).bundle_id == manifest.bundle_id
    for field in ("timings", "versions", "bundle_id"):
        other = manifest.model_copy(update={field: "" if field == "bundle_id" else {}})
        assert sealed(copy, other).bundle_id == manifest.bundle_id
    assert sealed(copy, manifest.model_copy(update={"tokens": 1})).bundle_id != manifest.bundle_id
