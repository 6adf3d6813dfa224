"""Save the heaps of a comparison from time to time, so that an interrupted one resumes.

A comparison of a million rows takes hours, and its heaps half a gigabyte. Each saved file is whole
or absent after a kill and has a checksum (`durable.py`); the one before it is removed only then. A
file of other rows, another pool or another width is not used. Number type and block size are those
of the saved comparison, because its heaps hold products of that type in that order.
"""

import hashlib
import json
import time
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from analysis.decoder.comparison import Heaps
from analysis.runtime.arrays import Float32s
from analysis.runtime.durable import is_whole, sums_of, whole_file

SECONDS = 60.0
"""Least time between two savings."""
LARGEST_SHARE = 0.05
"""Largest share of the time that saving takes."""

_DTYPES = {str(dtype): dtype for dtype in (torch.float32, torch.bfloat16, torch.int8)}


class KeptHeaps:
    """The saved heaps of one comparison."""

    def __init__(self, folder: Path, inputs: str) -> None:
        """`inputs` identifies what is compared."""
        self._folder, self._inputs = folder, inputs
        self._next = time.monotonic() + SECONDS

    @staticmethod
    def of(folder: Path, unit: Float32s, pool: int, width: int) -> "KeptHeaps":
        """Heaps of `width` products of the rows of unit [n, d] with the first `pool` of them."""
        digest = hashlib.sha256(json.dumps([unit.shape, pool, width]).encode())
        digest.update(np.ascontiguousarray(unit).data)
        return KeptHeaps(folder, digest.hexdigest())

    @cached_property
    def saved(self) -> Heaps | None:
        """The heaps that an interrupted comparison saved last; None if there are none."""
        for file in sorted(self._files(), reverse=True):
            if not is_whole(file):
                continue
            with np.load(file) as stored:
                facts = json.loads(str(stored["facts"]))
                if facts["inputs"] == self._inputs:
                    return Heaps(
                        stored["values"],
                        stored["places"],
                        stored["least"],
                        _DTYPES[facts["dtype"]],
                        facts["block"],
                        facts["done"],
                    )
        return None

    def save_in_time(self, heaps: Heaps) -> None:
        """Save the heaps if the last time is long enough ago."""
        started = time.monotonic()
        if started >= self._next:
            self.save(heaps)
            ended = time.monotonic()
            self._next = ended + max(SECONDS, (ended - started) / LARGEST_SHARE)

    def save_last(self, heaps: Heaps) -> None:
        """Save the heaps at the end of a comparison that took so long that some were saved."""
        if self._files():
            self.save(heaps)

    def save(self, heaps: Heaps) -> None:
        """Save the heaps, then remove what was saved before."""
        self._folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "inputs": self._inputs,
            "dtype": str(heaps.dtype),
            "block": heaps.block,
            "done": heaps.done,
        }
        before = self._files()
        file = self._folder / f"heaps{heaps.done:09d}.npz"
        with whole_file(file) as unfinished, unfinished.open("wb") as stream:
            np.savez(
                stream,
                facts=np.array(json.dumps(facts)),
                values=heaps.values,
                places=heaps.places,
                least=heaps.least,
            )
        for other in before:
            if other != file:
                sums_of(other).unlink(missing_ok=True)
                other.unlink(missing_ok=True)

    def _files(self) -> list[Path]:
        return list(self._folder.glob("heaps*.npz"))
