"""Opening a 65,536 x 2,304 SAE against safetensors on the same file, in three dtypes.

`load_file` of safetensors only maps the file and reads nothing. load_sae also maps it, but reads
every weight once, to refuse NaN and infinity, and gives float32. So it is timed against
alternatives with the same result and the same threads:

- only load_file (the cost of the check);
- load_file and one read of every byte, which every use of the weights needs;
- load_file and float(), the copy that half precision needs (none for float32);
- safetensors.torch.load of the file's bytes, which reads the file into memory.

The runs alternate, with the file in the page cache; the best of several runs counts. Prints times,
ratios and the peak Python memory in excess of the mapped file.

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
from safetensors.torch import load, load_file, save_file

from analysis.saes import load_sae

RUNS = 5
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def write_sae(folder: Path, latents: int, width: int, dtype: torch.dtype) -> Path:
    """A SAELens top-k folder of random weights."""
    tensors = {
        "W_enc": torch.empty(width, latents).uniform_(-1, 1),
        "W_dec": torch.empty(latents, width).uniform_(-1, 1),
        "b_enc": torch.zeros(latents),
        "b_dec": torch.zeros(width),
    }
    stored = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    save_file(stored, folder / "sae_weights.safetensors")
    config = {"architecture": "topk", "k": 64, "d_in": width, "d_sae": latents}
    config["metadata"] = {"sae_lens_version": "6.0.0"}
    (folder / "cfg.json").write_text(json.dumps(config))
    return folder


def map_and_read(weights: Path) -> None:
    """load_file, then a sum over every byte, four at a time, which is fastest in torch."""
    for tensor in load_file(weights).values():
        tensor.view(torch.float32).sum()


def map_and_convert(weights: Path) -> list[torch.Tensor]:
    """load_file, then every tensor as float32."""
    return [tensor.float() for tensor in load_file(weights).values()]


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one run."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def compare(sizes: argparse.Namespace, dtype: torch.dtype) -> list[str]:
    """The printed lines of one dtype."""
    with tempfile.TemporaryDirectory() as name:
        folder = write_sae(Path(name), sizes.latents, sizes.width, dtype)
        weights = folder / "sae_weights.safetensors"
        ways: dict[str, Callable[[], object]] = {
            "load_file": lambda: load_file(weights),
            "load_file and one read": lambda: map_and_read(weights),
            "load_file and float()": lambda: map_and_convert(weights),
            "load of the bytes": lambda: load(weights.read_bytes()),
            "load_sae": lambda: load_sae(folder),
        }
        best = dict.fromkeys(ways, float("inf"))
        for _ in range(RUNS):
            for way, run in ways.items():
                best[way] = min(best[way], seconds(run))
        tracemalloc.start()
        load_sae(folder)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        size = weights.stat().st_size
    own = best.pop("load_sae")
    lines = [f"{str(dtype).removeprefix('torch.')}, {size / 1e6:,.0f} MB, best of {RUNS}"]
    lines.append(f"  load_sae {own * 1000:33,.1f} ms")
    for way, took in best.items():
        lines.append(f"  {way:<32}{took * 1000:10,.1f} ms   load_sae is {own / took:,.2f} x that")
    return [*lines, f"  Python memory while opening: {peak / 1e6:.1f} MB"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latents", type=int, default=65_536)
    parser.add_argument("--width", type=int, default=2_304)
    sizes = parser.parse_args()
    lines = [f"{sizes.latents:,} x {sizes.width:,}, {torch.get_num_threads()} threads"]
    for dtype in DTYPES:
        lines += compare(sizes, dtype)
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
