"""Make the reference SAEs in `tests/oracles/sparsify/` with EleutherAI's sparsify itself.

    /tmp/oracle/bin/pip install --no-deps eai-sparsify==1.3.3 natsort schedulefree simple-parsing
    /tmp/oracle/bin/python tests/oracles/make_sparsify_reference.py

(into the environment of `make_saelens_reference.py`, which has the rest of what it imports). Each
folder holds what sparsify saved, and `reference.safetensors` with inputs x, dense activations and
the output of its forward pass.
"""

import sys
from pathlib import Path

import torch
from make_saelens_reference import D_IN, TOKENS, randomise, residual_like
from safetensors.torch import save_file
from sparsify import SparseCoder, SparseCoderConfig

ROOT = Path(__file__).parent / "sparsify"
CASES = {
    "topk": SparseCoderConfig(num_latents=64, k=8),
    "groupmax": SparseCoderConfig(num_latents=64, k=8, activation="groupmax"),
    "expansion": SparseCoderConfig(expansion_factor=2, k=4),
    "transcoder": SparseCoderConfig(num_latents=64, k=8, transcode=True),
    "skip_transcoder": SparseCoderConfig(num_latents=64, k=8, transcode=True, skip_connection=True),
}


def main() -> None:
    """Write every reference folder, each as the SAE of one module."""
    for number, (name, config) in enumerate(CASES.items()):
        generator = torch.Generator().manual_seed(number)
        coder = randomise(SparseCoder(D_IN, config), generator)
        folder = ROOT / name / ("layers.3.mlp" if config.transcode else "layers.3")
        coder.save_to_disk(folder)
        x = residual_like(generator)
        with torch.no_grad():
            values, latents, _ = coder.encode(x)
            output = coder(x).sae_out
        encoded = torch.zeros(TOKENS, coder.num_latents).scatter_(1, latents, values)
        reference = {"x": x, "encoded": encoded, "reconstructed": output.contiguous()}
        save_file(reference, folder / "reference.safetensors")
    sys.stdout.write(f"{len(CASES)} folders in {ROOT}\n")


if __name__ == "__main__":
    main()
