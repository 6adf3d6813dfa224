"""sparsify against its own stored outputs, and live where it is installed."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from analysis.saes import load_sae
from tests.analysis.saes.cases import HOOK, N, inputs
from tests.analysis.saes.format_tests import assert_agrees
from tests.oracles.residual import residual_stream

SPARSIFY = Path(__file__).parents[2] / "oracles" / "sparsify"
FOLDERS = pytest.mark.parametrize(
    "folder", sorted(SPARSIFY.glob("*/*")), ids=lambda folder: folder.parent.name
)


@FOLDERS
def test_it_encodes_as_its_own_software(folder: Path) -> None:
    sae = load_sae(folder)
    reference = load_file(folder / "reference.safetensors")
    acts, output = (
        reference["encoded"].double().numpy(),
        reference["reconstructed"].double().numpy(),
    )
    assert sae.format == "sparsify"
    x = reference.get("x", residual_stream()[: len(acts)])
    assert_agrees(sae, x, (acts, output))
    rows, latents, values = sae.encode_sparse(x)
    dense = torch.zeros_like(reference["encoded"])
    dense[rows, latents] = values
    assert torch.equal(dense, sae.encode(x))
    transcodes = "transcoder" in folder.parent.name
    assert sae.hook_point == ("blocks.3.mlp.hook_in" if transcodes else HOOK)
    assert sae.hook_point_out == ("blocks.3.hook_mlp_out" if transcodes else None)


@pytest.mark.live
@FOLDERS
def test_live_sparsify_encodes_as_this_does(folder: Path) -> None:
    sparsify = pytest.importorskip("sparsify")
    theirs, sae = sparsify.SparseCoder.load_from_disk(folder), load_sae(folder)
    x = inputs(sae.d_in)
    with torch.no_grad():
        values, latents, _ = theirs.encode(x)
        output = theirs(x).sae_out.double().numpy()
    acts = torch.zeros(N, sae.d_sae).scatter_(1, latents, values).double().numpy()
    assert_agrees(sae, x, (acts, output))
