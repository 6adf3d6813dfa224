"""Saved heaps are those that were saved, and only of the same comparison."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.decoder.comparison import Heaps
from analysis.decoder.kept_heaps import KeptHeaps

UNIT = np.random.default_rng(0).random((6, 4), dtype=np.float32)
DTYPES = [torch.float32, torch.bfloat16, torch.int8]


def heaps(done: int, dtype: torch.dtype = torch.float32) -> Heaps:
    made = Heaps.empty(6, 3, dtype, 1)
    made.values[:] = np.arange(18).reshape(6, 3) + done
    made.places[:] = 4
    made.least[:] = made.values[:, 0]
    made.done = done
    return made


def kept(folder: Path, unit: np.ndarray = UNIT, pool: int = 5, width: int = 3) -> KeptHeaps:
    return KeptHeaps.of(folder, unit, pool, width)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_last_heaps_are_read_as_they_were(dtype: torch.dtype, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert kept(folder).saved is None
    for done in (7, 12):
        kept(folder).save(heaps(done, dtype))
    saved, expected = kept(folder).saved, heaps(12, dtype)
    assert saved is not None
    for field in fields(Heaps):
        one, other = getattr(saved, field.name), getattr(expected, field.name)
        assert np.array_equal(one, other), field.name
    assert saved.least.dtype == expected.least.dtype
    assert sorted(file.name for file in folder.iterdir()) == [
        "heaps000000012.npz",
        "heaps000000012.npz.sum",
    ]


def test_heaps_of_another_comparison_are_not_used(tmp_path: Path) -> None:
    kept(tmp_path).save(heaps(7))
    other = UNIT.copy()
    other[5, 3] += np.float32(1e-6)
    assert kept(tmp_path).saved is not None
    for one in (
        kept(tmp_path, other),
        kept(tmp_path, pool=4),
        kept(tmp_path, width=4),
        kept(tmp_path, UNIT.reshape(4, 6)),
    ):
        assert one.saved is None


def test_a_damaged_file_is_not_used_but_the_one_before_it(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for done in (7, 12):
        kept(tmp_path).save(heaps(done))
        if done == 7:
            for file in list(tmp_path.glob("heaps*")):
                (tmp_path / "old" / file.name).write_bytes(file.read_bytes())
    for file in (tmp_path / "old").iterdir():
        file.rename(tmp_path / file.name)
    file = tmp_path / "heaps000000012.npz"
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)
    saved = kept(tmp_path).saved
    assert saved is not None and saved.done == 7
    file.with_name("heaps000000007.npz").write_bytes(b"")
    assert kept(tmp_path).saved is None


def test_heaps_are_saved_every_minute_and_more_rarely_if_that_takes_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, seconds = [100.0], [1.0]
    saved: list[float] = []

    def save(heaps: Heaps) -> None:
        saved.append(now[0])
        now[0] += seconds[0]

    monkeypatch.setattr("analysis.decoder.kept_heaps.time.monotonic", lambda: now[0])
    one = kept(tmp_path)
    monkeypatch.setattr(one, "save", save)
    for _ in range(600):
        one.save_in_time(heaps(1))
        now[0] += 1.0
        if now[0] > 300:
            seconds[0] = 10.0
    # Ten seconds of saving are a twentieth of the 200 until the next.
    assert saved[:4] == [160.0, 221.0, 282.0, 343.0]
    assert saved[4] == 343.0 + 10.0 + 200.0


def test_heaps_are_saved_at_the_end_only_of_a_long_comparison(tmp_path: Path) -> None:
    kept(tmp_path).save_last(heaps(7))
    assert kept(tmp_path).saved is None
    kept(tmp_path).save(heaps(7))
    kept(tmp_path).save_last(heaps(12))
    saved = kept(tmp_path).saved
    assert saved is not None and saved.done == 12
