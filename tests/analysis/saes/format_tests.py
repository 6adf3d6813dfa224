"""The tests that every format must pass; a test file subclasses `FormatTests` for its formats."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from analysis.runtime.errors import InputError
from analysis.saes import SparseAutoencoder, load_sae
from analysis.saes.saelens import save_saelens
from tests.analysis.saes.cases import CASES, Case, F, N, expected, inputs, of_width, write
from tests.oracles import equations
from tests.oracles.residual import residual_stream


def assert_agrees(sae: SparseAutoencoder, x: torch.Tensor, result: equations.Result) -> None:
    """Identical active sets, values within 1e-5 of the largest, and neither empty nor full."""
    acts, output = result
    ours = sae.encode(x).double().numpy()
    assert ((ours > 0) == (acts > 0)).all()
    assert 0 < (acts > 0).mean() < 1
    assert np.abs(ours - acts).max() <= 1e-5 * max(1, np.abs(acts).max())
    reconstruction = sae.reconstruct(x).double().numpy()
    assert np.abs(reconstruction - output).max() <= 1e-5 * max(1, np.abs(output).max())


def opened(name: str, folder: Path) -> SparseAutoencoder:
    """The SAE of the case of this name."""
    return load_sae(write(CASES[name], folder), allow_pickle=True)


def refusal(case: Case, folder: Path) -> str:
    """The message, one sentence, with which a saved SAE is refused."""
    with pytest.raises(InputError) as caught:
        load_sae(write(case, folder), allow_pickle=True)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


class FormatTests:
    """Each runs on every case of `formats`."""

    formats: ClassVar[tuple[str, ...]]

    def test_it_encodes_by_its_equation(self, case: Case, tmp_path: Path) -> None:
        sae = load_sae(write(case, tmp_path), allow_pickle=True)
        assert (sae.format, sae.d_sae) == (case.format, F)
        assert_agrees(sae, inputs(), expected(case, inputs()))

    def test_it_encodes_real_activations_by_its_equation(self, case: Case, tmp_path: Path) -> None:
        """SmolLM2's residual stream, with weights small enough for thresholds to matter."""
        x = residual_stream()
        wide = of_width(case, x.shape[1], 96, spread=0.02)
        sae = load_sae(write(wide, tmp_path), allow_pickle=True)
        assert (sae.d_in, sae.d_sae) == (576, 96)
        assert_agrees(sae, x, expected(wide, x))

    def test_its_folder_opens_as_its_file_does(self, case: Case, tmp_path: Path) -> None:
        file = write(case, tmp_path)
        folder = file.parent.parent if file.parent.name == "checkpoints" else file.parent
        by_folder = load_sae(folder, allow_pickle=True)
        assert by_folder.content_hash == load_sae(file, allow_pickle=True).content_hash

    def test_it_converts_to_saelens(self, case: Case, tmp_path: Path) -> None:
        sae = load_sae(write(case, tmp_path / "from"), allow_pickle=True)
        ranked = sae.selection_scale is not None
        if ranked or (sae.architecture == "topk" and not sae.undoes_normalisation):
            with pytest.raises(InputError, match="has no architecture"):
                save_saelens(sae, tmp_path / "to")
            assert not (tmp_path / "to").exists()
            return
        again = load_sae(save_saelens(sae, tmp_path / "to"))
        torch.testing.assert_close(again.encode(inputs()), sae.encode(inputs()))
        torch.testing.assert_close(again.reconstruct(inputs()), sae.reconstruct(inputs()))

    @pytest.mark.live
    def test_live_saelens_encodes_what_is_converted(self, case: Case, tmp_path: Path) -> None:
        sae_lens = pytest.importorskip("sae_lens")
        sae = load_sae(write(case, tmp_path / "from"), allow_pickle=True)
        try:
            folder = save_saelens(sae, tmp_path / "to")
        except InputError:
            pytest.skip("SAELens has no architecture for it")
        theirs = sae_lens.SAE.load_from_disk(folder)
        acts, output = expected(case, inputs())
        x = inputs().reshape(N, 3, -1) if "hook_z" in (sae.hook_point or "") else inputs()
        with torch.no_grad():
            encoded = theirs.encode(x).double().numpy()
            reconstruction = theirs(x).reshape(N, -1).double().numpy()
        assert ((encoded > 0) == (acts > 0)).all()
        assert np.abs(encoded - acts).max() <= 1e-5 * max(1, np.abs(acts).max())
        assert np.abs(reconstruction - output).max() <= 1e-5 * max(1, np.abs(output).max())
