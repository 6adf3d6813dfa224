"""Files are identified by their bytes, in the order given."""

import hashlib
from pathlib import Path

import pytest

from analysis.runtime import content
from analysis.runtime.content import content_hash


def test_the_hash_is_that_of_all_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "_PIECE", 3)
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"12345678")
    b.write_bytes(b"")
    assert content_hash([a, b]) == hashlib.sha256(b"12345678").hexdigest()
    b.write_bytes(b"9")
    assert content_hash([a, b]) == hashlib.sha256(b"123456789").hexdigest()
    assert content_hash([b, a]) == hashlib.sha256(b"912345678").hexdigest()
