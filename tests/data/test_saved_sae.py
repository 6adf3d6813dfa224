"""The shipped SAE, loaded like any other SAE, has the quality that its README states."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from analysis.harvest.corpus import read_corpus
from analysis.harvest.forward import hooked_activations
from analysis.harvest.hooks import parse_hook_point
from analysis.harvest.mask import MaskPolicy, batch_mask, reference_norm
from analysis.harvest.models import DEMO_MODEL, load_language_model, model_folder
from analysis.harvest.token_blocks import batches, token_blocks
from analysis.saes import load_sae
from data.recipes.train_sae import SAE_NAME

DATA = Path(__file__).parents[2] / "data"
FOLDER = DATA / "sae" / SAE_NAME


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_shapes_types_and_unit_rows() -> None:
    weights = load_file(FOLDER / "sae_weights.safetensors")
    assert {name: tuple(w.shape) for name, w in weights.items()} == {
        "W_enc": (576, 8192),
        "W_dec": (8192, 576),
        "b_enc": (8192,),
        "b_dec": (576,),
    }
    assert {w.dtype for w in weights.values()} == {torch.float16}
    lengths = weights["W_dec"].float().norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(8192), atol=1e-3, rtol=0)


def test_fewer_than_one_percent_of_latents_are_dead() -> None:
    sparsity = load_file(FOLDER / "sparsity.safetensors")["sparsity"].numpy()
    assert np.mean(sparsity < -9.9) < 0.01
    # Densities sum to L0.
    assert np.sum(10.0**sparsity) == pytest.approx(32, rel=0.01)


@pytest.mark.model
def test_it_explains_the_demo_corpus() -> None:
    """Explained variance at least .85 at L0 32, with the loader and mask of the project."""
    if not (model_folder(DEMO_MODEL) / "config.json").exists():
        pytest.skip("the demo's model is not converted on this machine")
    language_model = load_language_model(DEMO_MODEL)
    sae = load_sae(FOLDER)
    hook = parse_hook_point("blocks.8.hook_resid_post")
    documents = islice(read_corpus(DATA / "corpus" / "demo.parquet"), 0, None, 4)
    blocks = islice(token_blocks(documents, language_model.tokenizer), 0, None, 25)
    policy = MaskPolicy(special_token_ids=tuple(language_model.special_token_ids))
    rows, median = [], 0.0
    for batch in islice(batches(blocks, 1024), 5):
        x = hooked_activations(language_model, hook, batch.token_ids).float()
        norms = x.norm(dim=-1).numpy()
        median = median or reference_norm(batch.attention_mask, norms)
        rows.append(
            x[
                torch.from_numpy(
                    batch_mask(batch.token_ids, batch.attention_mask, norms, median, policy)[0]
                )
            ]
        )
    x = torch.cat(rows)
    acts = sae.encode(x)
    assert (acts > 0).sum(dim=1).max() <= 32
    error = (x - sae.reconstruct(x)).double().square().sum()
    variance = (x - x.mean(dim=0)).double().square().sum()
    assert 1 - error / variance >= 0.85
    assert len(x) > 2000
