"""BatchTopK by bartbussmann and the older files with the same tensors."""

from pathlib import Path

from analysis.saes import load_sae
from tests.analysis.saes.cases import HOOK, batch_config, changed, write
from tests.analysis.saes.format_tests import FormatTests, opened, refusal


class TestBatchTopK(FormatTests):
    formats = ("batch_topk", "neel")


def test_the_hook_point_is_read(tmp_path: Path) -> None:
    assert opened("neel", tmp_path / "older").hook_point == "blocks.3.attn.hook_z"
    assert opened("batch_topk_topk", tmp_path / "newer").hook_point == HOOK


def test_what_the_format_does_not_store_or_use_is_noted(tmp_path: Path) -> None:
    assert len(opened("batch_topk_vanilla", tmp_path / "vanilla").notes) == 0
    assert len(opened("batch_topk_topk", tmp_path / "topk").notes) == 1
    assert "No threshold" in opened("batch_topk_batchtopk", tmp_path / "batch").notes[1]


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    unknown = changed("batch_topk_vanilla", config=batch_config("gumbel"))
    assert "sae_type 'gumbel' is unknown" in refusal(unknown, tmp_path)


def test_inputs_are_not_normalised_unless_the_configuration_says_so(tmp_path: Path) -> None:
    config = batch_config("vanilla")
    del config["input_unit_norm"]
    silent = changed("batch_topk_vanilla", config=config)
    assert load_sae(write(silent, tmp_path), allow_pickle=True).normalisation == "none"
