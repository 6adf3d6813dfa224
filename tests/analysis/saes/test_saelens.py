"""SAELens folders against SAELens' own encode and reconstruction (stored, and live where it is)."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from analysis.runtime.errors import InputError
from analysis.saes import Overrides, load_sae
from analysis.saes.saelens import _config, save_saelens, upgraded
from tests.analysis.saes.format_tests import opened
from tests.oracles.residual import residual_stream

ORACLE = Path(__file__).parents[2] / "oracles" / "saelens"
FOLDERS = sorted(folder.name for folder in ORACLE.iterdir())
AUTOENCODERS = [name for name in FOLDERS if "transcoder" not in name]


@pytest.fixture
def topk(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ORACLE / "topk_none", tmp_path / "sae"))


def reference_of(name: str) -> dict[str, torch.Tensor]:
    """Inputs x and what SAELens made of them; `residual_*` was run on the real activations."""
    stored: dict[str, torch.Tensor] = load_file(ORACLE / name / "reference.safetensors")
    return {"x": residual_stream()[: len(stored["encoded"])], **stored}


def close(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """1e-5 of the largest value: float32 cannot resolve less where products are summed."""
    assert (ours - theirs).abs().max() <= 1e-5 * theirs.abs().max().clamp(min=1)


def rewrite(folder: Path, **changes: object) -> Path:
    config = json.loads((folder / "cfg.json").read_text()) | changes
    (folder / "cfg.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("name", FOLDERS)
def test_encodes_and_reconstructs_as_saelens_does(name: str) -> None:
    sae = load_sae(ORACLE / name)
    reference = reference_of(name)
    encoded = sae.encode(reference["x"])
    assert torch.equal(encoded > 0, reference["encoded"] > 0)
    assert (encoded > 0).any() and not (encoded > 0).all()
    output = sae.reconstruct(reference["x"])
    close(encoded, reference["encoded"])
    close(output, reference["reconstructed"])


@pytest.mark.parametrize("name", FOLDERS)
def test_encode_sparse_is_encode_without_its_zeros(name: str) -> None:
    sae = load_sae(ORACLE / name)
    x = reference_of(name)["x"]
    rows, latents, values = sae.encode_sparse(x)
    dense = torch.zeros(len(x), sae.d_sae)
    dense[rows, latents] = values
    assert torch.equal(dense, sae.encode(x))
    assert (values > 0).all() and rows.dtype == latents.dtype == torch.int64
    places = rows * sae.d_sae + latents
    assert (places.diff() > 0).all()


@pytest.mark.parametrize("name", FOLDERS)
def test_a_converted_sae_opens_as_the_same_sae(name: str, tmp_path: Path) -> None:
    sae = load_sae(ORACLE / name)
    again = load_sae(save_saelens(sae, tmp_path / "converted"))
    assert again.content_hash == sae.content_hash
    assert again.hook_point == sae.hook_point and again.model_name == sae.model_name


def test_conversion_replaces_nothing(tmp_path: Path) -> None:
    sae = load_sae(ORACLE / "topk_none")
    (tmp_path / "to").mkdir()
    save_saelens(sae, tmp_path / "to")
    with pytest.raises(InputError, match="already exists"):
        save_saelens(sae, tmp_path / "to")
    assert [entry.name for entry in tmp_path.iterdir()] == ["to"]


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "grouped top-k": ("topk_none", {"one_per_group": True}),
    "ranked top-k": ("topk_none", {"selection_scale": torch.ones(64)}),
    "top-k transcoder": ("topk_none", {"undoes_normalisation": False}),
    "top-k transcoder to another width": (
        "topk_none",
        {"W_dec": torch.ones(64, 48), "b_dec": torch.ones(48)},
    ),
    "top-k skip transcoder": ("topk_none", {"W_skip": torch.ones(32, 32)}),
    "gated transcoder": ("gated_none", {"undoes_normalisation": False}),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_saelens_cannot_encode_is_not_converted(kind: str, tmp_path: Path) -> None:
    name, changes = REFUSED[kind]
    sae = replace(load_sae(ORACLE / name), **changes)
    with pytest.raises(InputError, match="so it cannot be converted"):
        save_saelens(sae, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_lost_normalisation_is_noted() -> None:
    assert "folds into the weights" in load_sae(ORACLE / "topk_expected_average_only_in").notes[0]
    assert "was not folded yet" in load_sae(ORACLE / "checkpoint_scaled").notes[0]


def test_centred_input_equals_encoding_centred_activations(topk: Path) -> None:
    x = load_file(topk / "reference.safetensors")["x"]
    mean = x.mean(dim=1, keepdim=True)
    plain, centred = load_sae(topk), load_sae(topk, Overrides(centre_input=True))
    torch.testing.assert_close(centred.encode(x), plain.encode(x - mean))
    torch.testing.assert_close(centred.reconstruct(x), plain.reconstruct(x - mean) + mean)
    arguments = {"model_from_pretrained_kwargs": {"center_writing_weights": True}}
    config = json.loads((topk / "cfg.json").read_text())
    rewrite(topk, metadata=config["metadata"] | arguments)
    assert (
        load_sae(topk).centre_input
        and not load_sae(topk, Overrides(centre_input=False)).centre_input
    )


def test_a_zero_token_stays_finite() -> None:
    for name in ("topk_constant_norm_rescale", "topk_layer_norm"):
        assert load_sae(ORACLE / name).reconstruct(torch.zeros(1, 32)).isfinite().all()


def test_log_threshold_is_the_logarithm_of_the_threshold(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ORACLE / "jumprelu_none", tmp_path / "sae"))
    weights = load_file(folder / "sae_weights.safetensors")
    x = load_file(folder / "reference.safetensors")["x"]
    expected = load_sae(folder).encode(x)
    weights["log_threshold"] = weights.pop("threshold").log()
    save_file(weights, folder / "sae_weights.safetensors")
    torch.testing.assert_close(load_sae(folder).encode(x), expected)


def test_a_scaling_factor_counts_on_decoding_only(topk: Path) -> None:
    weights = load_file(topk / "sae_weights.safetensors")
    x = load_file(topk / "reference.safetensors")["x"]
    before = load_sae(topk)
    save_file(weights | {"scaling_factor": torch.ones(64)}, topk / "sae_weights.safetensors")
    assert load_sae(topk).content_hash == before.content_hash
    save_file(
        weights | {"scaling_factor": torch.full((64,), 2.0)}, topk / "sae_weights.safetensors"
    )
    with pytest.raises(InputError, match="finetuning_scaling_factor is not set"):
        load_sae(topk)
    after = load_sae(rewrite(topk, finetuning_scaling_factor=True))
    acts = before.encode(x)
    assert torch.equal(after.encode(x), acts)
    torch.testing.assert_close(after.decode(acts), before.decode(2 * acts))


def test_l0_in_training_is_the_sum_of_the_densities(tmp_path: Path) -> None:
    """SAELens stores log10 of the density of each latent."""
    folder = Path(shutil.copytree(ORACLE / "standard_none", tmp_path / "sae"))
    assert load_sae(folder).advertised_l0 is None
    density = torch.tensor([0.25] * 30 + [0.1] * 30 + [1e-20] * 4)
    save_file({"sparsity": density.log10()}, folder / "sparsity.safetensors")
    assert load_sae(folder).advertised_l0 == pytest.approx(30 * 0.25 + 30 * 0.1, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"d_in": 48}, "d_in is 32, but it is 48"),
        ({"d_sae": 63}, "d_sae is 64, but it is 63"),
        ({"d_in": -1}, "must be positive"),
        ({"d_in": 0}, "d_in is 0, but must be positive"),
        ({"d_in": "32"}, "type int"),
        ({"d_sae": True}, "type int"),
        ({"k": None}, "needs k between 1 and 64"),
        ({"k": 65}, "needs k between 1 and 64"),
        ({"architecture": "gated"}, "b_gate is missing"),
        ({"architecture": "standard2"}, "architecture 'standard2' is unknown"),
        ({"architecture": "temporal"}, "attends to earlier tokens"),
        ({"architecture": "matching_pursuit"}, "encodes by iteration"),
        ({"normalize_activations": "zscore"}, "normalisation 'zscore' is unknown"),
        ({"activation_fn": "tanh-relu"}, "'tanh-relu' is unknown"),
    ],
)
def test_a_cfg_that_does_not_fit_is_refused(
    topk: Path, change: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_sae(rewrite(topk, **change))


def test_signed_latents_are_read_as_two_each(topk: Path) -> None:
    """SAELens' AbsTopK keeps the k values of the largest magnitude, with their signs."""
    plain = load_sae(topk)
    assert plain.k is not None
    signed = load_sae(rewrite(topk, architecture="abstopk"))
    x = torch.randn(40, plain.d_in, generator=torch.Generator().manual_seed(1)) * 3
    hidden = (x - plain.b_dec * plain.applies_b_dec_to_input) @ plain.W_enc + plain.b_enc
    places = hidden.abs().topk(plain.k, dim=1).indices
    kept = torch.zeros_like(hidden).scatter(1, places, hidden.gather(1, places))
    assert (kept < 0).any() and (kept > 0).any()
    assert (signed.d_sae, signed.k) == (2 * plain.d_sae, plain.k)
    read = signed.encode(x)
    assert (read >= 0).all()
    torch.testing.assert_close(read[:, : plain.d_sae] - read[:, plain.d_sae :], kept)
    torch.testing.assert_close(signed.reconstruct(x), kept @ plain.W_dec + plain.b_dec)
    assert any("negative part" in note for note in signed.notes)


def test_a_byte_order_mark_and_names_of_a_compiled_module_are_read(topk: Path) -> None:
    plain = load_sae(topk)
    config, file = topk / "cfg.json", topk / "sae_weights.safetensors"
    config.write_bytes(b"\xef\xbb\xbf" + config.read_bytes())
    for prefix in ("_orig_mod.", "module.", "module._orig_mod.", "_orig_mod.module."):
        weights = {name: tensor.clone() for name, tensor in load_file(file).items()}
        weights = {f"{prefix}{name}": tensor for name, tensor in weights.items()}
        save_file(weights, file)
        assert load_sae(topk).content_hash == plain.content_hash
        bare = {name.removeprefix(prefix): tensor for name, tensor in load_file(file).items()}
        save_file({name: tensor.clone() for name, tensor in bare.items()}, file)


def test_the_width_of_the_activations_must_fit(topk: Path) -> None:
    with pytest.raises(ValueError, match="reads 32 values per token"):
        load_sae(topk).encode(torch.zeros(2, 48))


@pytest.mark.live
@pytest.mark.parametrize("name", AUTOENCODERS)
def test_live_saelens_opens_what_is_converted(name: str, tmp_path: Path) -> None:
    sae_lens = pytest.importorskip("sae_lens")
    sae = load_sae(ORACLE / name)
    x = reference_of(name)["x"]
    theirs = sae_lens.SAE.load_from_disk(save_saelens(sae, tmp_path / "converted"))
    given = x.reshape(len(x), 4, -1) if "hook_z" in name else x
    with torch.no_grad():
        close(sae.encode(x), theirs.encode(given))
        close(sae.reconstruct(x), theirs(given).reshape(len(x), -1))


def test_a_density_above_one_counts_as_one(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ORACLE / "standard_none", tmp_path / "sae"))
    sparsity = torch.tensor([0.5] * 4 + [-20.0] * 60)
    save_file({"sparsity": sparsity}, folder / "sparsity.safetensors")
    assert load_sae(folder).advertised_l0 == pytest.approx(4, rel=1e-6)


def test_k_is_the_advertised_l0_whatever_was_measured(topk: Path) -> None:
    save_file({"sparsity": torch.zeros(64)}, topk / "sparsity.safetensors")
    assert load_sae(topk).advertised_l0 == 8


@pytest.mark.parametrize(
    ("version", "is_old"),
    [
        ("5.10.4", True),
        ("6.0.0", False),
        ("10.1.0", False),
        ("7", False),
        (None, True),
        ("²", True),
        ("9" * 5000, True),
    ],
)
def test_configurations_before_version_6_are_upgraded(version: str | None, is_old: bool) -> None:
    old = {"hook_point": "a", "activation_fn_str": "relu", "sae_lens_version": version}
    expected = {"hook_name": "a", "activation_fn": "relu", "sae_lens_version": version}
    upgrade = upgraded(old)
    assert upgrade == (expected | {"normalize_activations": "none"} if is_old else old)


@pytest.mark.parametrize(
    ("stored", "read"),
    [(True, "expected_average_only_in"), (False, "none"), (None, "none"), ("layer_norm",) * 2],
)
def test_old_configurations_state_whether_they_normalise(
    stored: bool | str | None, read: str
) -> None:
    assert upgraded({"normalize_activations": stored})["normalize_activations"] == read


def test_b_dec_is_subtracted_unless_the_configuration_says_otherwise(topk: Path) -> None:
    config = json.loads((topk / "cfg.json").read_text())
    config.pop("apply_b_dec_to_input", None)
    (topk / "cfg.json").write_text(json.dumps(config))
    assert load_sae(topk).applies_b_dec_to_input
    assert not load_sae(rewrite(topk, apply_b_dec_to_input=False)).applies_b_dec_to_input


def test_the_metadata_of_version_6_precede_the_top_level(topk: Path) -> None:
    metadata = {"hook_name": "blocks.1.hook_resid_pre"}
    sae = load_sae(rewrite(topk, hook_name="blocks.7.hook_resid_pre", metadata=metadata))
    assert sae.hook_point == "blocks.1.hook_resid_pre"


def test_the_k_of_training_by_batch_is_the_advertised_l0(tmp_path: Path) -> None:
    checkpoint = ORACLE / "checkpoint_batchtopk"
    k = json.loads((checkpoint / "cfg.json").read_text())["k"]
    assert load_sae(checkpoint).advertised_l0 == k > 0
    folder = Path(shutil.copytree(ORACLE / "jumprelu_none", tmp_path / "sae"))
    for trained, l0 in (("batchtopk", 6.5), ("matryoshka_batchtopk", 6.5), ("jumprelu", 3.0)):
        metadata = {
            "training_architecture": trained,
            "training_architecture_details": {"k": 6.5},
            "advertised_l0": 3.0,
        }
        assert load_sae(rewrite(folder, metadata=metadata)).advertised_l0 == l0


def test_a_scale_in_the_configuration_is_folded(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ORACLE / "standard_none", tmp_path / "sae"))
    x = reference_of("standard_none")["x"]
    plain = load_sae(folder)
    stored = {"normalize_activations": "expected_average_only_in"}
    scaled = load_sae(rewrite(folder, norm_scaling_factor=0.5, **stored))
    close(scaled.encode(x), plain.encode(0.5 * x))
    close(scaled.reconstruct(x), plain.reconstruct(0.5 * x) / 0.5)
    for factor in (0.0, -2.0):
        with pytest.raises(InputError, match="must be a positive number"):
            load_sae(rewrite(folder, norm_scaling_factor=factor, **stored))


def test_a_threshold_of_contributions_has_their_scale(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ORACLE / "jumprelu_none", tmp_path / "sae"))
    weights = load_file(folder / "sae_weights.safetensors")
    weights["W_dec"] = weights["W_dec"] * torch.linspace(0.5, 2, 64)[:, None]
    save_file(weights, folder / "sae_weights.safetensors")
    x = reference_of("jumprelu_none")["x"]
    plain = load_sae(rewrite(folder, rescale_acts_by_decoder_norm=True))
    scale = {"norm_scaling_factor": 0.5, "normalize_activations": "expected_average_only_in"}
    scaled = load_sae(rewrite(folder, **scale))
    close(scaled.encode(x), plain.encode(0.5 * x) / 0.5)
    close(scaled.reconstruct(x), plain.reconstruct(0.5 * x) / 0.5)


def test_only_a_transcoder_is_saved_with_the_hook_point_of_its_output(tmp_path: Path) -> None:
    transcoder = opened("llamascopium_topk", tmp_path / "a")
    metadata = _config(transcoder, "topk")["metadata"]
    assert metadata["hook_name_out"] == transcoder.hook_point_out == "blocks.3.hook_mlp_out"
    plain = _config(opened("neel", tmp_path / "b"), "standard")
    assert "hook_name_out" not in plain["metadata"] and "k" not in plain
    assert "advertised_l0" not in plain["metadata"]
    assert (plain["metadata"]["hook_name"], plain["reshape_activations"]) == (
        "blocks.3.attn.hook_z",
        "hook_z",
    )
