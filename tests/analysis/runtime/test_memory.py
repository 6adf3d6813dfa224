"""The default for the memory of counting is the same wherever a caller can set it."""

from pathlib import Path

import pytest

from analysis.runtime.memory import CACHE_MEGABYTES, MEMORY_BYTES, cache_bytes
from analysis.settings import BuildRequest, RefreshRequest, Resources


def test_every_request_has_the_same_default() -> None:
    assert BuildRequest(sae="sae", out=Path("out"), corpus=Path("c.txt")).memory_bytes == 512e6
    assert RefreshRequest(bundle=Path("b"), sae="sae", out=Path("out")).memory_bytes == 512e6
    assert Resources().memory_bytes == MEMORY_BYTES == 512e6


def test_the_command_line_counts_in_megabytes() -> None:
    assert Resources(memory=64).memory_bytes == 64_000_000


@pytest.mark.parametrize(
    ("named", "expected"),
    [("300", 300e6), ("", 256e6), ("many", 256e6), ("1" * 9, 111_111_111e6), ("9" * 5000, 256e6)],
)
def test_the_environment_limits_the_caches_of_a_server_process(
    named: str, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_MEGABYTES, named)
    assert cache_bytes() == expected
