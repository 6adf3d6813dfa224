"""Qwen Scope's TopK SAEs."""

from pathlib import Path

from tests.analysis.saes.cases import HOOK, changed
from tests.analysis.saes.format_tests import FormatTests, opened, refusal


class TestQwenScope(FormatTests):
    formats = ("qwen_scope",)


def test_the_folder_names_model_and_k(tmp_path: Path) -> None:
    sae = opened("qwen_scope", tmp_path)
    assert (sae.k, sae.advertised_l0) == (5, 5)
    assert (sae.hook_point, sae.model_name) == (HOOK, "Qwen/Qwen3-1.7B-Base")


def test_without_its_folder_k_is_unknown(tmp_path: Path) -> None:
    bare = changed("qwen_scope", file="layer3.sae.pt")
    assert "k is not in the file" in refusal(bare, tmp_path)
