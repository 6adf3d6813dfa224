"""noanabeshima's matryoshka-saes."""

from pathlib import Path

import torch

from tests.analysis.saes.cases import changed
from tests.analysis.saes.format_tests import FormatTests, opened, refusal


class TestMatryoshka(FormatTests):
    formats = ("matryoshka",)


def test_activations_are_contributions(tmp_path: Path) -> None:
    sae = opened("matryoshka", tmp_path)
    torch.testing.assert_close(sae.decoder_norms(), torch.ones(sae.d_sae))
    assert "mean activation norm 4" in sae.notes[0]


def test_a_mean_norm_of_zero_is_refused(tmp_path: Path) -> None:
    wrong = changed("matryoshka", given={"normalizer.running_avg": torch.tensor([0.0])})
    assert "must be a positive number" in refusal(wrong, tmp_path)
