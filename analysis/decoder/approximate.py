"""Search for nearest rows with pynndescent, on one thread, and report its rounds."""

import io
import re
from contextlib import redirect_stdout

import numpy as np
from pynndescent import NNDescent

from analysis.decoder.exact import nearest, rank
from analysis.runtime.arrays import Float32s, Int32s
from analysis.runtime.progress import Progress

OVERSAMPLING = 1.5
"""Neighbours that pynndescent searches for each that is kept: slower, with a higher recall."""

_ROUND = re.compile(r"(\d+)\s+/\s+(\d+)")


def approximate(
    unit: Float32s, pool: int, k: int, seed: int, memory_bytes: int, progress: Progress
) -> tuple[Int32s, Float32s]:
    """Neighbours int32 [n, k] among the first `pool` rows of unit [n, d], and their cosines.

    Those of the other rows are exact. `progress` receives rounds; often the last ones are not
    needed.
    """
    rounds = _Rounds(progress)
    with redirect_stdout(rounds):
        index = NNDescent(
            unit[:pool],
            metric="cosine",
            n_neighbors=round(OVERSAMPLING * k) + 1,
            random_state=seed,
            # With more threads, the seed would no longer fix the result.
            n_jobs=1,
            verbose=True,
        )
    progress(rounds.total, rounds.total)
    own, rest = np.split(np.arange(len(unit), dtype=np.int32), [pool])
    near = rank(unit, own, own[index.neighbor_graph[0]], k)
    others = progress.named(f"{progress.name}, dead latents")
    exact = nearest(unit, pool, rest, k, memory_bytes, others)
    return np.concatenate([near[0], exact[0]]), np.concatenate([near[1], exact[1]])


class _Rounds(io.TextIOBase):
    """Reports the rounds that pynndescent prints, such as "3 / 20"; it offers no other report."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress, self._line = progress, ""
        self.total = 1

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, text: str) -> int:
        """Report a round when its line is complete."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            if number := _ROUND.search(line):
                begun, self.total = map(int, number.groups())
                self._progress(begun - 1, self.total)
        return len(text)
