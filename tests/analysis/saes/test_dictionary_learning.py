"""The classes of saprmarks' dictionary_learning."""

from pathlib import Path

import pytest
import torch

from analysis.saes import load_sae
from tests.analysis.saes.cases import (
    CASES,
    HOOK,
    Case,
    D,
    F,
    changed,
    expected,
    inputs,
    trainer,
    write,
)
from tests.analysis.saes.format_tests import FormatTests, assert_agrees, opened, refusal


class TestDictionaryLearning(FormatTests):
    formats = ("dictionary_learning",)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (
            changed("dl_batch_top_k", given={"threshold": torch.tensor(-1.0)}),
            "never set in training",
        ),
        (changed("dl_batch_top_k", given={}), "never set in training"),
        (changed("dl_top_k", config=trainer("CrossCoder")), "class is 'CrossCoder'"),
        (
            changed("dl_top_k", config=trainer("AutoEncoderTopK", k=5, dict_size=31)),
            "d_sae is 30, but it is 31",
        ),
        (
            changed(
                "dl_auto_encoder",
                shapes={"encoder.weight": (2, D, F), "decoder.weight": (2, F, D)},
            ),
            "spans several layers",
        ),
    ],
)
def test_what_cannot_be_encoded_is_refused(case: Case, message: str, tmp_path: Path) -> None:
    assert message in refusal(case, tmp_path)


@pytest.mark.parametrize("name", ["dl_batch_top_k", "dl_matryoshka"])
def test_a_threshold_of_zero_is_one(name: str, tmp_path: Path) -> None:
    case = changed(name, given={**CASES[name].given, "threshold": torch.tensor(0.0)})
    sae = load_sae(write(case, tmp_path), allow_pickle=True)
    assert_agrees(sae, inputs(), expected(case, inputs()))


def test_the_trainer_names_model_hook_point_and_l0(tmp_path: Path) -> None:
    sae = opened("dl_batch_top_k", tmp_path)
    assert (sae.model_name, sae.hook_point) == ("EleutherAI/pythia-70m", HOOK)
    assert sae.advertised_l0 == 5


@pytest.mark.parametrize(
    ("module", "hook", "notes"),
    [
        ("mlp_out_layer_3", "blocks.3.hook_mlp_out", 0),
        ("attention_out_layer_3", "blocks.3.hook_attn_out", 0),
        ("resid_post_layer_3", HOOK, 0),
        ("somewhere", HOOK, 1),
    ],
)
def test_the_submodule_names_the_hook_point(
    module: str, hook: str, notes: int, tmp_path: Path
) -> None:
    config = trainer("AutoEncoderTopK", k=5, submodule_name=module)
    sae = load_sae(write(changed("dl_top_k", config=config), tmp_path), allow_pickle=True)
    assert (sae.hook_point, len(sae.notes)) == (hook, notes)


@pytest.mark.parametrize(
    ("name", "kind", "l0"),
    [
        ("dl_batch_top_k", "BatchTopKSAE", 7),
        ("dl_matryoshka", "MatryoshkaBatchTopKSAE", 7),
        ("dl_auto_encoder", "AutoEncoder", None),
    ],
)
def test_the_k_of_training_by_batch_is_the_advertised_l0(
    name: str, kind: str, l0: float | None, tmp_path: Path
) -> None:
    file = write(changed(name, config=trainer(kind, k=7)), tmp_path)
    assert load_sae(file, allow_pickle=True).advertised_l0 == l0


def test_the_k_of_the_tensors_precedes_that_of_the_trainer(tmp_path: Path) -> None:
    config = trainer("AutoEncoderTopK", k=9)
    case = changed("dl_top_k", config=config, given={"k": torch.tensor(4)})
    assert load_sae(write(case, tmp_path / "tensor"), allow_pickle=True).k == 4
    case = changed("dl_top_k", config=config, given={})
    assert load_sae(write(case, tmp_path / "trainer"), allow_pickle=True).k == 9


@pytest.mark.parametrize(
    ("norm", "is_folded"),
    [(0.991, True), (1.00002, True), (0.99998, True), (1.000005, False), (1.0, False)],
)
def test_decoder_norms_are_folded_unless_they_are_one(
    norm: float, is_folded: bool, tmp_path: Path
) -> None:
    """dictionary_learning compares with `torch.allclose`: norms within 1e-5 are left alone."""
    decoder = torch.nn.functional.normalize(torch.randn(D, F, dtype=torch.float64), dim=0)
    case = changed("dl_auto_encoder", given={"decoder.weight": (norm * decoder).float()})
    sae = load_sae(write(case, tmp_path), allow_pickle=True)
    torch.testing.assert_close(
        sae.decoder_norms(), torch.full((F,), 1.0 if is_folded else norm), rtol=1e-6, atol=0
    )
    assert any("scaled to norm 1" in note for note in sae.notes) == is_folded
    assert_agrees(sae, inputs(), expected(case, inputs()))
