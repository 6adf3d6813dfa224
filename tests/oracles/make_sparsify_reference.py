"""Make the reference SAEs in `tests/oracles/sparsify/` with EleutherAI's sparsify itself.

    /tmp/oracle/bin/pip install --no-deps eai-sparsify==1.3.3 natsort schedulefree simple-parsing
    /tmp/oracle/bin/python -m tests.oracles.make_sparsify_reference

(into the environment of `make_saelens_reference.py`, which has the rest of what it imports). Each
folder holds what sparsify saved, and `reference.safetensors` with inputs x, dense activations and
the output of its forward pass; those of `residual_*` are the first 24 rows of
`residual_stream.safetensors`.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from sparsify import SparseCoder, SparseCoderConfig

from tests.oracles.make_saelens_reference import (
    D_IN,
    REAL_D_SAE,
    REAL_INPUTS,
    REAL_TOKENS,
    randomise,
    residual_like,
)

ROOT = Path(__file__).parent / "sparsify"
CASES = {
    "topk": SparseCoderConfig(num_latents=64, k=8),
    "groupmax": SparseCoderConfig(num_latents=64, k=8, activation="groupmax"),
    "expansion": SparseCoderConfig(expansion_factor=2, k=4),
    "transcoder": SparseCoderConfig(num_latents=64, k=8, transcode=True),
    "skip_transcoder": SparseCoderConfig(num_latents=64, k=8, transcode=True, skip_connection=True),
    "residual_topk": SparseCoderConfig(num_latents=REAL_D_SAE, k=8),
    "residual_groupmax": SparseCoderConfig(num_latents=REAL_D_SAE, k=8, activation="groupmax"),
}


def main() -> None:
    """Write every reference folder, each as the SAE of one module."""
    for number, (name, config) in enumerate(CASES.items()):
        generator = torch.Generator().manual_seed(number)
        real = name.startswith("residual")
        x = load_file(REAL_INPUTS)["x"][:REAL_TOKENS] if real else None
        width = D_IN if x is None else x.shape[1]
        coder = randomise(SparseCoder(width, config), generator, 0.3 if x is None else 0.02)
        folder = ROOT / name / ("layers.3.mlp" if config.transcode else "layers.3")
        coder.save_to_disk(folder)
        reference = {} if x is not None else {"x": residual_like(generator)}
        x = reference["x"] if x is None else x
        with torch.no_grad():
            values, latents, _ = coder.encode(x)
            output = coder(x).sae_out
        reference["encoded"] = torch.zeros(len(x), coder.num_latents).scatter_(1, latents, values)
        reference["reconstructed"] = output.contiguous()
        save_file(reference, folder / "reference.safetensors")
    sys.stdout.write(f"{len(CASES)} folders in {ROOT}\n")


if __name__ == "__main__":
    main()
