"""saprmarks' dictionary_learning: seven classes, by `trainer.dict_class` or their tensors.

On disk: `ae.pt` and `config.json` with a `trainer` object. Tensors and encode, x̃ = x − bias:

- AutoEncoder: encoder.weight, encoder.bias, decoder.weight (linear layers), `bias`; relu of x̃.
  Like the original loader, this one scales decoder vectors to norm 1 and the encoder to match.
- AutoEncoderNew: the same, but with decoder.bias, and b_dec is not subtracted.
- GatedAutoEncoder: r_mag, gate_bias, mag_bias, decoder_bias; gated, of x̃.
- JumpReluAutoEncoder: W_enc [d, F], W_dec [F, d], b_enc, b_dec, threshold [F]; b_dec is not
  subtracted.
- AutoEncoderTopK: linear layers, b_dec (`bias` in older files), k; the k largest of relu of x̃.
- BatchTopKSAE: the same tensors, but relu(h)·[relu(h) > threshold] with one scalar threshold.
- MatryoshkaBatchTopKSAE: as BatchTopK, with W_enc [d, F], W_dec [F, d] and group_sizes.

A threshold of -1 was never set in training and is refused. Some versions also multiply gated and
jumprelu activations by the decoder norms and divide by them on decoding; the current one does not.
Source: dictionary_learning `dictionary.py`, `trainers/top_k.py`, `trainers/batch_top_k.py`,
`trainers/matryoshka_batch_top_k.py`.
"""

from dataclasses import replace
from typing import Any

import torch

from analysis.runtime.errors import InputError
from analysis.saes.folding import folded_decoder_norms
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import Gate, SparseAutoencoder
from analysis.saes.weights import (
    TORCH_LINEAR,
    WeightNames,
    Weights,
    kept_latents,
    read_weights,
    scalar,
)

LINEAR = vars(TORCH_LINEAR)
COUNTERS = {"k": "()", "threshold": "()"}
WEIGHT_NAMES = {
    "AutoEncoder": WeightNames(**{**LINEAR, "b_dec": "bias"}),
    "AutoEncoderNew": TORCH_LINEAR,
    "GatedAutoEncoder": WeightNames(
        **{**LINEAR, "b_enc": None, "b_dec": "decoder_bias"}
        | {"more": dict.fromkeys(("gate_bias", "r_mag", "mag_bias"), "d_sae")}
    ),
    "JumpReluAutoEncoder": WeightNames(more={"threshold": "d_sae"}),
    "AutoEncoderTopK": WeightNames(**{**LINEAR, "b_dec": "b_dec", "optional": COUNTERS}),
    "BatchTopKSAE": WeightNames(**{**LINEAR, "b_dec": "b_dec", "optional": COUNTERS}),
    "MatryoshkaBatchTopKSAE": WeightNames(
        optional={**COUNTERS, "group_sizes": "groups"}, ignored=("active_groups",)
    ),
}
ARCHITECTURES: dict[str, Any] = {
    "AutoEncoder": "standard",
    "AutoEncoderNew": "standard",
    "GatedAutoEncoder": "gated",
    "JumpReluAutoEncoder": "jumprelu",
    "AutoEncoderTopK": "topk",
    "BatchTopKSAE": "jumprelu",
    "MatryoshkaBatchTopKSAE": "jumprelu",
}


def matches(saved: Saved) -> bool:
    """A `trainer` object in the configuration, or tensors that only these classes have."""
    return (
        isinstance((saved.config or {}).get("trainer"), dict)
        or _class_by_tensors(saved) is not None
    )


def _class_by_tensors(saved: Saved) -> str | None:
    if saved.has("decoder_bias", "gate_bias", "r_mag", "encoder.weight"):
        return "GatedAutoEncoder"
    if saved.has("W_enc", "W_dec", "threshold", "group_sizes"):
        return "MatryoshkaBatchTopKSAE"
    if saved.has("encoder.weight", "decoder.weight", "bias") and not saved.has("k"):
        return "AutoEncoder"
    return None


def read(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read the SAE in a folder; its class determines how it encodes."""
    trainer = saved.section("trainer")
    name = trainer.setting("dict_class", str) or _class_by_tensors(saved)
    if name not in WEIGHT_NAMES:
        raise InputError(
            f"{saved.path}: the dictionary's class is {str(name)[:40]!r}, but must be one of "
            f"{', '.join(WEIGHT_NAMES)}; set trainer.dict_class in config.json."
        )
    names = WEIGHT_NAMES[name]
    if name in ("AutoEncoderTopK", "BatchTopKSAE") and not saved.has("b_dec"):
        names = replace(names, b_dec="bias")
    sizes = {"d_in": trainer.count("activation_dim"), "d_sae": trainer.count("dict_size")}
    weights = read_weights(saved, options, names, sizes)
    sae = SparseAutoencoder(
        format="dictionary_learning",
        architecture=ARCHITECTURES[name],
        **weights.arguments(),
        **_activation(saved, trainer, name, weights),
        applies_b_dec_to_input=_subtracts(trainer, name),
        model_name=trainer.setting("lm_name", str),
        metadata={"dict_class": name, **_plain(trainer), **_advertised_l0(name, trainer)},
    )
    return _with_hook_point(_normalised(sae) if name == "AutoEncoder" else sae, trainer)


def _subtracts(trainer: Saved, name: str) -> bool:
    if name == "JumpReluAutoEncoder":
        return bool(trainer.setting("apply_b_dec_to_input", bool, False))
    return name != "AutoEncoderNew"


def _activation(saved: Saved, trainer: Saved, name: str, weights: Weights) -> dict[str, Any]:
    """The fields of `SparseAutoencoder` that this class's activation needs."""
    more = weights.more
    if name == "GatedAutoEncoder":
        return {"gate": Gate(more["gate_bias"], more["r_mag"], more["mag_bias"])}
    if name == "JumpReluAutoEncoder":
        return {"threshold": more["threshold"]}
    d_sae = weights.W_enc.shape[1]
    if name == "AutoEncoderTopK":
        k = int(scalar(more["k"], saved.path)) if "k" in more else trainer.count("k")
        return {"k": kept_latents(k, d_sae, saved.path)}
    if name in ("BatchTopKSAE", "MatryoshkaBatchTopKSAE"):
        if "threshold" not in more or scalar(more["threshold"], saved.path) < 0:
            raise InputError(
                f"{saved.weights.path}: the threshold of this {name} was never set in training, so "
                "it cannot encode; use a later checkpoint."
            )
        return {"threshold": torch.full_like(weights.b_enc, scalar(more["threshold"], saved.path))}
    return {}


def _plain(trainer: Saved) -> dict[str, Any]:
    """The entries of the trainer object that are plain values."""
    values = (trainer.config or {}).items()
    return {key: value for key, value in values if isinstance(value, str | int | float)}


def _advertised_l0(name: str, trainer: Saved) -> dict[str, int]:
    """BatchTopK's k: the mean L0 over tokens that its threshold should give."""
    k = trainer.count("k") if name in ("BatchTopKSAE", "MatryoshkaBatchTopKSAE") else None
    return {} if k is None else {"advertised_l0": k}


def _normalised(sae: SparseAutoencoder) -> SparseAutoencoder:
    norms = sae.decoder_norms()
    if torch.allclose(norms, torch.ones_like(norms)):
        return sae
    return folded_decoder_norms(
        sae,
        "The decoder vectors were scaled to norm 1 and the encoder to match, as "
        "dictionary_learning does on loading, so that activations are contributions.",
    )


def _with_hook_point(sae: SparseAutoencoder, trainer: Saved) -> SparseAutoencoder:
    layer, module = trainer.setting("layer", int), trainer.setting("submodule_name", str)
    if layer is None:
        return sae
    site = {"attention_out": "hook_attn_out", "mlp_out": "hook_mlp_out"}
    stem = (module or "").removesuffix(f"_layer_{layer}")
    hook = f"blocks.{layer}.{site.get(stem, 'hook_resid_post')}"
    if stem in site or stem.startswith("resid_post"):
        return replace(sae, hook_point=hook)
    return sae.noting(
        f"config.json names layer {layer} and the site {module}, which is unknown, so the residual "
        "stream after the layer is assumed.",
        hook_point=hook,
    )
