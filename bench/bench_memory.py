"""Peak memory of a whole build at two corpus sizes; it must not grow with the number of tokens.

    .venv/bin/python -m bench.bench_memory [FEW] [MANY]

Builds the demo's bundle twice, each in a separate process, and prints the peak resident memory and
the peak private memory, each with its ratio. Mapped files, whose pages the system can free, are
only in the resident memory.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.bench_harvest import DATA, SAE

PAUSE = 0.05


def main(few: int = 100_000, many: int = 400_000) -> None:
    """Print both peaks for both sizes."""
    peaks = {tokens: _peaks(tokens) for tokens in (few, many)}
    for tokens, (resident, private, seconds) in peaks.items():
        print(
            f"{tokens:>9,} tokens: resident {resident / 1e6:7,.0f} MB, "
            f"private {private / 1e6:7,.0f} MB, {seconds:5.0f} s"
        )
    for i, name in enumerate(("resident", "private")):
        print(f"ratio {name:<9} {peaks[many][i] / peaks[few][i]:5.2f}")


def _peaks(tokens: int) -> tuple[int, int, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "analysis", "build", "--sae", str(SAE)]
        command += ["--model", "smollm2-135m", "--corpus", str(DATA / "corpus" / "demo.parquet")]
        command += ["--tokens", str(tokens), "--out", str(Path(folder) / "bundle")]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        resident = private = 0
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                memory = watched.memory_full_info()
            except psutil.NoSuchProcess:
                break
            resident, private = max(resident, memory.rss), max(private, memory.uss)
            time.sleep(PAUSE)
        if process.wait() != 0:
            raise SystemExit(f"the build of {tokens:,} tokens failed")
        return resident, private, time.perf_counter() - started


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
