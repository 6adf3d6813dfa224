"""A tiny model, an SAE, a corpus, and the bundle that the pipeline makes of them."""

from pathlib import Path

import numpy as np
import torch

from analysis.build import build_bundle
from analysis.bundle import Bundle, Parameters
from analysis.saes.saelens import save_saelens
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.settings import BuildRequest
from tests.analysis.harvest.tiny_model import D_MODEL, WORDS, tiny_language_model

BLOCK = 16
DOCUMENTS = 12
LENGTH = 40
LATENTS = 24


def documents() -> list[str]:
    """Texts of 40 words."""
    rng = np.random.default_rng(5)
    return [" ".join(words) for words in rng.choice(WORDS, (DOCUMENTS, LENGTH))]


def sae(seed: int = 0) -> SparseAutoencoder:
    """A TopK SAE; the encoder is the transposed decoder."""
    torch.manual_seed(seed)
    decoder = torch.nn.functional.normalize(torch.randn(LATENTS, D_MODEL), dim=1)
    return SparseAutoencoder(
        format="test",
        architecture="topk",
        W_enc=decoder.T.contiguous(),
        W_dec=decoder,
        b_enc=torch.zeros(LATENTS),
        b_dec=torch.zeros(D_MODEL),
        k=3,
        hook_point="blocks.0.hook_resid_post",
    )


def write_world(folder: Path, *, bos: bool) -> Bundle:
    """The bundle `typed`, with `model` and `sae` beside it."""
    model = tiny_language_model()
    model.model.save_pretrained(folder / "model")
    model.tokenizer.save_pretrained(folder / "model")
    save_saelens(sae(), folder / "sae")
    corpus = folder / "corpus"
    corpus.mkdir()
    for i, text in enumerate(documents()):
        (corpus / f"{i:02d}.txt").write_text(text)
    return build_bundle(
        BuildRequest(
            sae=str(folder / "sae"),
            model=str(folder / "model"),
            corpus=corpus,
            out=folder / "typed",
            prepend_bos=bos,
            block_tokens=BLOCK,
            device="cpu",
            parameters=Parameters(dtype="float32", null_draws=2, epochs=5),
        )
    )
