"""A bundle is published by one rename under an id of its content."""

import shutil
from pathlib import Path

import pytest

from analysis.bundle import Bundle, content_id, open_bundle, publish, stored_content_id
from analysis.runtime.errors import InputError


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


def test_only_content_changes_the_id(copy: Path) -> None:
    manifest = open_bundle(copy).manifest
    assert stored_content_id(copy) == content_id(copy, manifest) == manifest.bundle_id
    for field in ("timings", "versions", "bundle_id"):
        other = manifest.model_copy(update={field: "" if field == "bundle_id" else {}})
        assert content_id(copy, other) == manifest.bundle_id
    assert content_id(copy, manifest.model_copy(update={"tokens": 1})) != manifest.bundle_id
