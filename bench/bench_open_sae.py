"""Opening a 65,536 x 2,304 SAE against `safetensors.torch.load_file` on the same file.

load_file maps the file and reads nothing, so it is timed with one read of every byte behind it,
which is what its user pays next; load_sae reads every weight once to refuse NaN and infinity. Both
come alternately, the file in the page cache, each in the best of several runs. Prints both times,
both ratios and the peak memory beyond the mapped file.

    python -m bench.bench_open_sae [--latents 65536] [--width 2304]
"""

import argparse
import json
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from analysis.saes import load_sae

RUNS = 5


def write_sae(folder: Path, latents: int, width: int) -> Path:
    """A SAELens top-k folder of random weights."""
    tensors = {
        "W_enc": torch.empty(width, latents).uniform_(-1, 1),
        "W_dec": torch.empty(latents, width).uniform_(-1, 1),
        "b_enc": torch.zeros(latents),
        "b_dec": torch.zeros(width),
    }
    save_file(tensors, folder / "sae_weights.safetensors")
    config = {"architecture": "topk", "k": 64, "d_in": width, "d_sae": latents}
    config["metadata"] = {"sae_lens_version": "6.0.0"}
    (folder / "cfg.json").write_text(json.dumps(config))
    return folder


def map_and_read(folder: Path) -> None:
    """load_file, then one sum over every tensor."""
    for tensor in load_file(folder / "sae_weights.safetensors").values():
        tensor.sum(dtype=torch.float32)


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one run."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latents", type=int, default=65_536)
    parser.add_argument("--width", type=int, default=2_304)
    sizes = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = write_sae(Path(name), sizes.latents, sizes.width)
        weights = folder / "sae_weights.safetensors"
        ways: dict[str, Callable[[], object]] = {
            "load_file": lambda: load_file(weights),
            "load_file and one read": lambda: map_and_read(folder),
            "load_sae": lambda: load_sae(folder),
        }
        best = dict.fromkeys(ways, float("inf"))
        for _ in range(RUNS):
            for way, run in ways.items():
                best[way] = min(best[way], seconds(run))
        tracemalloc.start()
        load_sae(folder)
        _, peak = tracemalloc.get_traced_memory()
        size = weights.stat().st_size
    lines = [f"{sizes.latents:,} x {sizes.width:,}, {size / 1e6:,.0f} MB, best of {RUNS}"]
    lines += [f"{way:<24}{took * 1000:10,.1f} ms" for way, took in best.items()]
    for way in ("load_file and one read", "load_file"):
        lines.append(f"load_sae / {way}: {best['load_sae'] / best[way]:.2f}")
    lines.append(f"Python memory while opening: {peak / 1e6:.1f} MB")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
