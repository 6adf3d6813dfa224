"""Every format against its published equations, and sparsify against its own stored outputs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from analysis.runtime.errors import InputError
from analysis.saes import FORMATS, Overrides, SparseAutoencoder, describe, load_sae
from analysis.saes.saelens import save_saelens
from tests.analysis.saes.cases import (
    CASES,
    HOOK,
    HYPERPARAMETERS,
    TARGET,
    D,
    F,
    N,
    batch_config,
    changed,
    expected,
    inputs,
    llamascopium_config,
    of_width,
    tensors_of,
    trainer,
    write,
)
from tests.oracles import equations
from tests.oracles.residual import residual_stream

SPARSIFY = Path(__file__).parents[2] / "oracles" / "sparsify"


def assert_agrees(sae: SparseAutoencoder, x: torch.Tensor, result: equations.Result) -> None:
    """Identical active sets, values within 1e-5 of the largest, and neither empty nor full."""
    acts, output = result
    ours = sae.encode(x).double().numpy()
    assert ((ours > 0) == (acts > 0)).all()
    assert 0 < (acts > 0).mean() < 1
    assert np.abs(ours - acts).max() <= 1e-5 * max(1, np.abs(acts).max())
    reconstruction = sae.reconstruct(x).double().numpy()
    assert np.abs(reconstruction - output).max() <= 1e-5 * max(1, np.abs(output).max())


@pytest.mark.parametrize("name", CASES)
def test_a_format_encodes_by_its_equation(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    sae = load_sae(write(case, tmp_path), allow_pickle=True)
    assert sae.format == case.format
    assert_agrees(sae, inputs(), expected(case, inputs()))
    assert describe(sae).d_sae == F


@pytest.mark.parametrize("name", CASES)
def test_a_format_encodes_real_activations_by_its_equation(name: str, tmp_path: Path) -> None:
    """SmolLM2's residual stream; weights so small that pre-activations lie about the thresholds."""
    x = residual_stream()
    case = of_width(CASES[name], x.shape[1], 96, spread=0.02)
    sae = load_sae(write(case, tmp_path), allow_pickle=True)
    assert (sae.d_in, sae.d_sae) == (576, 96)
    assert_agrees(sae, x, expected(case, x))


@pytest.mark.parametrize("name", CASES)
def test_a_folder_opens_as_its_file_does(name: str, tmp_path: Path) -> None:
    file = write(CASES[name], tmp_path)
    folder = file.parent.parent if file.parent.name == "checkpoints" else file.parent
    opened = load_sae(folder, allow_pickle=True)
    assert opened.content_hash == load_sae(file, allow_pickle=True).content_hash


@pytest.mark.parametrize("name", CASES)
def test_a_format_converts_to_saelens(name: str, tmp_path: Path) -> None:
    sae = load_sae(write(CASES[name], tmp_path / "from"), allow_pickle=True)
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
@pytest.mark.parametrize("name", CASES)
def test_live_saelens_encodes_what_is_converted(name: str, tmp_path: Path) -> None:
    sae_lens = pytest.importorskip("sae_lens")
    case = CASES[name]
    sae = load_sae(write(case, tmp_path / "from"), allow_pickle=True)
    try:
        folder = save_saelens(sae, tmp_path / "to")
    except InputError:
        pytest.skip("SAELens has no architecture for it")
    theirs = sae_lens.SAE.load_from_disk(folder)
    acts, output = expected(case, inputs())
    given = inputs().reshape(N, 3, -1) if "hook_z" in (sae.hook_point or "") else inputs()
    with torch.no_grad():
        encoded = theirs.encode(given).double().numpy()
        reconstruction = theirs(given).reshape(N, -1).double().numpy()
    assert ((encoded > 0) == (acts > 0)).all()
    assert np.abs(encoded - acts).max() <= 1e-5 * max(1, np.abs(acts).max())
    assert np.abs(reconstruction - output).max() <= 1e-5 * max(1, np.abs(output).max())


@pytest.mark.live
@pytest.mark.parametrize("folder", sorted(SPARSIFY.glob("*/*")), ids=lambda f: f.parent.name)
def test_live_sparsify_encodes_as_this_does(folder: Path) -> None:
    sparsify = pytest.importorskip("sparsify")
    theirs, sae = sparsify.SparseCoder.load_from_disk(folder), load_sae(folder)
    x = inputs(sae.d_in)
    with torch.no_grad():
        values, latents, _ = theirs.encode(x)
        output = theirs(x).sae_out.double().numpy()
    acts = torch.zeros(N, sae.d_sae).scatter_(1, latents, values).double().numpy()
    assert_agrees(sae, x, (acts, output))


def test_every_registered_format_has_a_case() -> None:
    covered = {case.format for case in CASES.values()} | {"saelens", "sparsify"}
    assert covered == {entry.name for entry in FORMATS}


@pytest.mark.parametrize("folder", sorted(SPARSIFY.glob("*/*")), ids=lambda f: f.parent.name)
def test_sparsify_encodes_as_its_own_software(folder: Path) -> None:
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


HOOKS = {
    "gemma_scope": HOOK,
    "gemma_scope_embedding": "hook_embed",
    "gemma_scope_2": HOOK,
    "gemma_scope_2_skip": "blocks.3.ln2.hook_normalized",
    "dl_top_k": HOOK,
    "llama_scope": HOOK,
    "goodfire": "blocks.19.hook_resid_post",
    "deepseek_r1": "blocks.19.hook_resid_post",
    "e2e_sae": "blocks.6.hook_resid_pre",
    "qwen_scope": HOOK,
    "neel": "blocks.3.attn.hook_z",
    "mwhanna": "blocks.3.mlp.hook_in",
}


@pytest.mark.parametrize("name", HOOKS)
def test_the_hook_point_is_read(name: str, tmp_path: Path) -> None:
    assert load_sae(write(CASES[name], tmp_path), allow_pickle=True).hook_point == HOOKS[name]


REFUSED = {
    "threshold never set": (
        changed("dl_batch_top_k", given={"threshold": torch.tensor(-1.0)}),
        "never set in training",
    ),
    "unknown class": (changed("dl_top_k", config=trainer("CrossCoder")), "class is 'CrossCoder'"),
    "width of the class": (
        changed("dl_top_k", config=trainer("AutoEncoderTopK", k=5, dict_size=31)),
        "d_sae is 30, but it is 31",
    ),
    "unknown activation": (
        changed("openai_topk", given={"activation": "Softplus"}),
        "activation is 'Softplus'",
    ),
    "no activation": (changed("openai_topk", given={}), "activation is 'None'"),
    "glu": (
        changed("llamascopium_jump", config=llamascopium_config(use_glu_encoder=True)),
        "GLU encoder",
    ),
    "by batch": (
        changed("llamascopium_jump", config=llamascopium_config(norm_activation="batch-wise")),
        "normalises by batch",
    ),
    "lorsa": (
        changed("llamascopium_jump", config=llamascopium_config(sae_type="lorsa")),
        "not an SAE of one layer",
    ),
    "norm lost": (changed("llamascopium_topk", given={}), "must be a positive number"),
    "norm missing": (
        changed(
            "llama_scope",
            config={k: v for k, v in HYPERPARAMETERS.items() if "norm" not in k},
        ),
        "must be a positive number",
    ),
    "qwen without its folder": (
        changed("qwen_scope", file="layer3.sae.pt"),
        "k is not in the file",
    ),
    "unknown sae_type": (
        changed("batch_topk_vanilla", config=batch_config("gumbel")),
        "sae_type 'gumbel' is unknown",
    ),
    "cross-layer": (
        changed("mwhanna", shapes={"W_enc_3": (F, D), "W_dec_3": (F, 2, D)}),
        "cross-layer transcoder",
    ),
    "cross-layer of Gemma Scope 2": (
        changed("gemma_scope_2", shapes=CASES["gemma_scope_2"].shapes | {"w_dec": (F, 2, D)}),
        "spans several layers",
    ),
    "crosscoder": (
        changed(
            "dl_auto_encoder", shapes={"encoder.weight": (2, D, F), "decoder.weight": (2, F, D)}
        ),
        "spans several layers",
    ),
    "temporal": (
        changed("goodfire", shapes={"D": (F, D), "attn_layers.0.k_ctx.weight": (D, D)}),
        "attends to earlier tokens",
    ),
    "two SAEs in one file": (
        changed("e2e_sae", shapes={"a.encoder.0.weight": (F, D), "b.encoder.0.weight": (F, D)}),
        "holds 2 SAEs",
    ),
    "nothing known": (changed("goodfire", shapes={"weights": (F, D)}), "no known format"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_encoded_is_refused(name: str, tmp_path: Path) -> None:
    case, message = REFUSED[name]
    with pytest.raises(InputError, match=message) as caught:
        load_sae(write(case, tmp_path), allow_pickle=True)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_a_format_can_be_named(tmp_path: Path) -> None:
    file = write(CASES["deepseek_r1"], tmp_path)
    with pytest.raises(InputError, match="format 'word2vec' is unknown; known are saelens"):
        load_sae(file, Overrides(format="word2vec"), allow_pickle=True)
    with pytest.raises(InputError, match=r"encoder_linear\.weight is missing"):
        load_sae(file, Overrides(format="goodfire"), allow_pickle=True)


def test_transpose_reads_both_matrices_the_other_way_round(tmp_path: Path) -> None:
    turned = changed("neel", shapes=TARGET | {"W_enc": (F, D), "W_dec": (D, F)})
    file = write(turned, tmp_path)
    with pytest.raises(InputError, match="must be of one SAE"):
        load_sae(file, allow_pickle=True)
    sae = load_sae(file, Overrides(transpose=True), allow_pickle=True)
    stored = tensors_of(turned)
    assert torch.equal(sae.W_enc, stored["W_enc"].T) and torch.equal(sae.W_dec, stored["W_dec"].T)


def test_a_square_transpose_is_taken_on_trust(tmp_path: Path) -> None:
    square = changed(
        "goodfire", shapes={name: (D,) * len(s) for name, s in CASES["goodfire"].shapes.items()}
    )
    file = write(square, tmp_path)
    plain, turned = (
        load_sae(file, Overrides(transpose=t), allow_pickle=True) for t in (None, True)
    )
    assert torch.equal(plain.W_enc, turned.W_enc.T) and not torch.equal(plain.W_enc, turned.W_enc)


def test_weights_without_their_configuration_are_not_guessed(tmp_path: Path) -> None:
    """A SAELens jumprelu file looks like Gemma Scope's, but subtracts b_dec: no guess is made."""
    bare = changed("gemma_scope", file="sae_weights.safetensors")
    file = write(bare, tmp_path)
    with pytest.raises(InputError, match="without which it is unclear how they encode"):
        load_sae(file)
    named = load_sae(file, Overrides(format="gemma_scope"))
    assert_agrees(named, inputs(), expected(bare, inputs()))


@pytest.mark.parametrize(
    ("name", "l0"),
    [("gemma_scope", 5), ("dl_batch_top_k", 5), ("qwen_scope", 5), ("goodfire", None)],
)
def test_the_advertised_l0_is_read(name: str, l0: float | None, tmp_path: Path) -> None:
    assert load_sae(write(CASES[name], tmp_path), allow_pickle=True).advertised_l0 == l0
