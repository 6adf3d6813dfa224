"""Make `tests/oracles/residual_stream.safetensors`: real inputs for the oracles of every format.

    python -m data.recipes.model
    python -m tests.oracles.make_residual_sample

x [48, 576] float32: the residual stream of SmolLM2-135M-Instruct after layer 12 (resid_post), at
positions 3, 17, 40 and 111 of the first 128 tokens of twelve documents spread over the demo corpus.
Read from transformers' own hidden_states, in float32. Position 0, the attention sink, is not among
them: its norm of about 24,000 is no input that an SAE is trained on.
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from analysis.harvest.models import model_folder

LAYER, TOKENS, DOCUMENTS, POSITIONS = 12, 128, 12, (3, 17, 40, 111)
ROOT = Path(__file__).parent
CORPUS = ROOT.parents[1] / "data" / "corpus" / "demo.parquet"


def main() -> None:
    """Run the model on twelve documents and keep four positions of each."""
    folder = model_folder("smollm2-135m")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.train(False)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = pq.read_table(CORPUS, columns=["text"])["text"].to_pylist()
    kept: list[torch.Tensor] = []
    for text in texts[:: len(texts) // DOCUMENTS]:
        ids = tokenizer(text, return_tensors="pt").input_ids[:, :TOKENS]
        if ids.shape[1] == TOKENS and len(kept) < DOCUMENTS:
            with torch.inference_mode():
                states = model(ids, output_hidden_states=True).hidden_states
            # hidden_states[0] is the embedding, so the output of layer 12 is number 13.
            kept.append(states[LAYER + 1][0, list(POSITIONS)])
    x = torch.cat(kept).clone()
    save_file({"x": x}, ROOT / "residual_stream.safetensors")
    norms = x.norm(dim=1)
    sys.stdout.write(f"{list(x.shape)}, norms {norms.min():.1f} to {norms.max():.1f}\n")


if __name__ == "__main__":
    main()
