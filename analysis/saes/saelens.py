"""SAELens folders, of version 6 and older.

On disk: `cfg.json` and `sae_weights.safetensors` with W_enc [d_in, d_sae], W_dec [d_sae, d_out],
b_enc [d_sae], b_dec [d_out] and, by architecture, `threshold` (or `log_threshold`), the gated
vectors `b_gate, r_mag, b_mag` in place of b_enc, `W_skip` [d_out, d_in], `topk_threshold`.

Encodes, with x̃ = normalise(x) − b_dec (b_dec only where `apply_b_dec_to_input`):
standard relu(h), h = x̃·W_enc + b_enc; jumprelu relu(h)·[h > θ]; topk relu of the k largest h;
abstopk the k h of the largest absolute value, with their signs, read as two latents each;
gated [x̃·W_enc + b_gate > 0]·relu(x̃·(W_enc·exp(r_mag)) + b_mag). Transcoders never subtract b_dec
and never undo the normalisation. Source: SAELens 6.54, `saes/*.py`.

Refused: temporal and matching-pursuit SAEs, whose activations are not a function of one token's
pre-activations; tanh-relu of old versions.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.runtime.errors import InputError
from analysis.runtime.working_folder import new_folder
from analysis.saes import checks
from analysis.saes.folding import folded_decoder_norms, signed_halves
from analysis.saes.saved import Options, Request, Saved, read_tensors
from analysis.saes.sparse_autoencoder import Architecture, Gate, SparseAutoencoder
from analysis.saes.tensors import open_tensors
from analysis.saes.weights import WeightNames, Weights, kept_latents, positive, read_weights

RENAMED = {
    "hook_point": "hook_name",
    "hook_point_head_index": "hook_head_index",
    "activation_fn_str": "activation_fn",
}
ARCHITECTURES: Mapping[str, Architecture] = {
    "standard": "standard",
    "gated": "gated",
    "jumprelu": "jumprelu",
    "topk": "topk",
    "abstopk": "topk",
    "batchtopk": "jumprelu",
    "matryoshka_batchtopk": "jumprelu",
    "transcoder": "standard",
    "skip_transcoder": "standard",
    "jumprelu_transcoder": "jumprelu",
    "jumprelu_skip_transcoder": "jumprelu",
}
REFUSED = {
    "temporal": "it attends to earlier tokens, so its activations depend on more than one token",
    "matching_pursuit": "it encodes by iteration, so its activations are not a function of one "
    "product with W_enc",
}
TRAINED_BY_BATCH = ("batchtopk", "matryoshka_batchtopk")
"""Training checkpoints with one threshold; SAELens saves the final SAE as jumprelu."""
SCALE_FOLDED = ("expected_average_only_in", "covariance_whitening")
"""Normalisations that SAELens folds into the weights and never applies at run time."""
METADATA_KEYS = (
    "model_name",
    "hook_name",
    "hook_name_out",
    "hook_layer",
    "hook_head_index",
    "prepend_bos",
    "context_size",
    "dataset_path",
    "neuronpedia_id",
    "seqpos_slice",
    "exclude_special_tokens",
    "sae_lens_version",
    "sae_lens_training_version",
    "model_class_name",
    "model_from_pretrained_kwargs",
)


def matches(saved: Saved) -> bool:
    """A cfg.json with d_in and d_sae, and the tensors W_dec and b_dec."""
    config = saved.config or {}
    if any(config.get("architecture") == name for name in REFUSED):
        return True
    return {"d_in", "d_sae"} <= config.keys() and saved.has("W_dec", "b_dec")


def read(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read the SAE in a SAELens folder.

    Raises InputError if cfg.json and weights contradict each other.
    """
    if saved.config is None:
        raise InputError(
            f"{saved.weights.path}: there is no cfg.json next to it, so the activation function is "
            "unknown; copy the whole folder."
        )
    saved = replace(saved, config=upgraded(saved.config))
    stored = saved.setting("architecture", str, "standard") or "standard"
    architecture = _architecture(saved, stored)
    sizes = {name: saved.count(name) for name in ("d_in", "d_sae")}
    sizes["d_out"] = saved.count("d_out") if stored.endswith("transcoder") else None
    weights = read_weights(saved, options, _weight_names(saved, architecture, stored), sizes)
    sae = _folded(_assembled(saved, architecture, stored, weights), saved, weights.more)
    return signed_halves(sae) if stored == "abstopk" else sae


def upgraded(config: Mapping[str, Any]) -> dict[str, Any]:
    """Convert a configuration older than SAELens 6 to the keys of version 6; keep newer ones."""
    metadata = config.get("metadata")
    inner = metadata if isinstance(metadata, dict) else {}
    version = config.get("sae_lens_version") or inner.get("sae_lens_version")
    major = re.match(r"(\d{1,9})(?:\.|$)", version, re.ASCII) if isinstance(version, str) else None
    if major and int(major[1]) >= 6:
        return dict(config)
    new = {RENAMED.get(key, key): value for key, value in config.items()}
    arguments = new.get("activation_fn_kwargs")
    if new.get("activation_fn") == "topk" and isinstance(arguments, dict) and arguments.get("k"):
        new |= {"architecture": "topk", "k": arguments["k"]}
    normalise = new.get("normalize_activations")
    if normalise is None or isinstance(normalise, bool):
        new["normalize_activations"] = "expected_average_only_in" if normalise else "none"
    return new


def _architecture(saved: Saved, stored: str) -> Architecture:
    if stored in REFUSED:
        raise InputError(
            f"{saved.config_path}: a {stored} SAE cannot be analysed: {REFUSED[stored]}."
        )
    if stored not in ARCHITECTURES:
        raise InputError(
            f"{saved.config_path}: the architecture {stored[:40]!r} is unknown; supported are "
            f"{', '.join(ARCHITECTURES)}."
        )
    activation = saved.setting("activation_fn", str, "relu")
    if activation not in ("relu", "topk"):
        raise InputError(
            f"{saved.config_path}: the activation function {str(activation)[:40]!r} is unknown; "
            "supported are relu and topk."
        )
    return ARCHITECTURES[stored]


def _weight_names(saved: Saved, architecture: Architecture, stored: str) -> WeightNames:
    """The tensors that this architecture needs, with their shapes."""
    vectors = ["b_gate", "r_mag", "b_mag"] if architecture == "gated" else []
    if architecture == "jumprelu" and stored not in TRAINED_BY_BATCH:
        log = saved.has("log_threshold") and not saved.has("threshold")
        vectors.append("log_threshold" if log else "threshold")
    more = dict.fromkeys(vectors, "d_sae")
    if stored in TRAINED_BY_BATCH:
        more["topk_threshold"] = "()"
    if "skip" in stored:
        more["W_skip"] = "d_out d_in"
    return WeightNames(
        b_enc=None if architecture == "gated" else "b_enc",
        more=more,
        optional={"scaling_factor": "d_sae"},
        d_out="d_out" if stored.endswith("transcoder") else "d_in",
    )


def _metadata(saved: Saved) -> dict[str, Any]:
    """Model, hook point and training settings: `metadata` since version 6, the top level before."""
    config = saved.config or {}
    nested = config.get("metadata")
    top = {key: config[key] for key in METADATA_KEYS if config.get(key) is not None}
    return {**top, **(nested if isinstance(nested, dict) else {}), **_advertised_l0(saved)}


def _advertised_l0(saved: Saved) -> dict[str, Any]:
    """`advertised_l0` of an SAE that is not topk.

    For batch top-k training it is k, the mean L0 that the threshold should give. Otherwise it is
    the L0 measured at the end of training.
    """
    metadata = saved.section("metadata")
    trained = metadata.setting("training_architecture", str)
    if saved.setting("architecture", str) in TRAINED_BY_BATCH:
        k = saved.setting("k", float)
    elif trained in TRAINED_BY_BATCH:
        k = metadata.section("training_architecture_details").setting("k", float)
    else:
        k = metadata.setting("advertised_l0", float, _measured_in_training(saved))
    return {} if k is None else {"advertised_l0": k}


def _measured_in_training(saved: Saved) -> float | None:
    """L0 from sparsity.safetensors, which holds log10 of each latent's density."""
    file = saved.weights.path.with_name("sparsity.safetensors")
    if not file.is_file() or saved.count("k") is not None:
        return None
    stored = replace(saved, weights=open_tensors(file), config=None)
    sizes = {"d_sae": saved.count("d_sae")}
    density = read_tensors(stored, Request({"sparsity": "d_sae"}, sizes=sizes), torch.float64)
    return float((10.0 ** density["sparsity"].clamp(-10, 0)).sum())


def _text(metadata: Mapping[str, Any], key: str) -> str | None:
    value = metadata.get(key)
    return value if isinstance(value, str) else None


def _assembled(
    saved: Saved, architecture: Architecture, stored: str, weights: Weights
) -> SparseAutoencoder:
    is_transcoder = stored.endswith("transcoder")
    metadata, more = _metadata(saved), weights.more
    d_sae = weights.W_enc.shape[1]
    gate = None
    if architecture == "gated":
        gate = Gate(more["b_gate"], more["r_mag"], more["b_mag"])
    subtracts = bool(saved.setting("apply_b_dec_to_input", bool, True))
    k = kept_latents(saved.count("k"), d_sae, saved.config_path) if architecture == "topk" else None
    return SparseAutoencoder(
        format="saelens",
        architecture=architecture,
        **weights.arguments(),
        applies_b_dec_to_input=subtracts and not is_transcoder,
        k=k,
        threshold=_threshold(more, d_sae),
        gate=gate,
        W_skip=more.get("W_skip"),
        undoes_normalisation=not is_transcoder,
        hook_point=_text(metadata, "hook_name"),
        hook_point_out=_text(metadata, "hook_name_out"),
        model_name=_text(metadata, "model_name"),
        metadata={**metadata, "saelens_architecture": stored},
    )


def _threshold(tensors: Mapping[str, Tensor], d_sae: int) -> Tensor | None:
    if "topk_threshold" in tensors:
        return tensors["topk_threshold"].expand(d_sae).contiguous()
    if "log_threshold" in tensors:
        return tensors["log_threshold"].exp()
    return tensors.get("threshold")


def _folded(
    sae: SparseAutoencoder, saved: Saved, tensors: Mapping[str, Tensor]
) -> SparseAutoencoder:
    """The SAE with its normalisation set and every scale folded into its weights, with notes."""
    rescale = bool(saved.setting("rescale_acts_by_decoder_norm", bool, False))
    sae = _with_normalisation(sae, saved, rescale)
    if rescale and sae.architecture in ("topk", "jumprelu"):
        sae = folded_decoder_norms(
            sae,
            "rescale_acts_by_decoder_norm: the decoder norms were folded into the encoder, so "
            "activations are contributions to the output and decoder vectors have norm 1.",
        )
    factor = tensors.get("scaling_factor")
    if factor is not None and not torch.allclose(factor, torch.ones_like(factor)):
        if not saved.setting("finetuning_scaling_factor", bool, False):
            raise InputError(
                f"{saved.weights.path}: it holds a scaling_factor other than 1, but "
                "finetuning_scaling_factor is not set in cfg.json; set it, or remove the tensor."
            )
        sae = sae.noting(
            "The finetuning scaling factor was folded into W_dec.",
            W_dec=sae.W_dec * factor[:, None],
        )
    return _centred(sae)


def _with_normalisation(sae: SparseAutoencoder, saved: Saved, rescale: bool) -> SparseAutoencoder:
    stored = saved.setting("normalize_activations", str, "none")
    if stored in ("none", "constant_norm_rescale", "layer_norm"):
        return replace(sae, normalisation=stored)  # type: ignore[arg-type]  # one of the three
    if stored not in SCALE_FOLDED:
        raise InputError(
            f"{saved.config_path}: the normalisation {str(stored)[:40]!r} is unknown; supported "
            f"are none, constant_norm_rescale, layer_norm, {' and '.join(SCALE_FOLDED)}."
        )
    scale = _checkpoint_scale(saved)
    if scale is None:
        return sae.noting(
            f"cfg.json states {stored}, which SAELens folds into the weights at the end of "
            "training and never applies at run time. The weights are assumed to be folded; a low "
            "explained variance would mean that they are not."
        )
    threshold = sae.threshold
    if rescale and threshold is not None:
        threshold = threshold / scale
    return sae.noting(
        f"The input scale {scale:.6g} was not folded yet, as in a checkpoint during training or a "
        "release that stores it separately; it was folded into the weights.",
        W_enc=sae.W_enc * scale,
        W_dec=sae.W_dec / scale,
        b_dec=sae.b_dec / scale,
        threshold=threshold,
    )


def _checkpoint_scale(saved: Saved) -> float | None:
    """The unfolded input scale of a training checkpoint; None if there is none."""
    factor = saved.setting("norm_scaling_factor", float)
    if factor is not None:
        return positive(factor, "norm_scaling_factor", saved.path)
    folder = saved.weights.path.parent
    if (folder / "activation_whitening.safetensors").is_file():
        raise InputError(
            f"{folder}: this checkpoint's whitening is not folded into its weights; use the SAE "
            "that SAELens saves at the end of training."
        )
    scaler = folder / "activation_scaler.json"
    if not scaler.is_file():
        return None
    stored = replace(saved, config=checks.read_json(scaler), config_path=scaler)
    scale = stored.setting("scaling_factor", float)
    return None if scale is None else positive(scale, "scaling_factor", scaler)


def _centred(sae: SparseAutoencoder) -> SparseAutoencoder:
    """Centre the input if the model was loaded with centred writing weights."""
    arguments = sae.metadata.get("model_from_pretrained_kwargs")
    if isinstance(arguments, dict) and arguments.get("center_writing_weights") is True:
        return sae.noting(
            "model_from_pretrained_kwargs sets center_writing_weights, so each token's mean is "
            "subtracted from the input and added back to the output.",
            centre_input=True,
        )
    return sae


SAVED_ARCHITECTURE = {
    (False, "standard"): "standard",
    (False, "jumprelu"): "jumprelu",
    (False, "topk"): "topk",
    (False, "gated"): "gated",
    (True, "standard"): "transcoder",
    (True, "jumprelu"): "jumprelu_transcoder",
}


def save_saelens(sae: SparseAutoencoder, folder: str | Path) -> Path:
    """Write an SAE of any format as a SAELens 6 folder, which SAELens and this package open.

    The folder appears complete or not at all. Raises InputError if it is not empty, another process
    writes it, or SAELens has no such architecture (ranked or grouped top-k, and topk transcoders).
    """
    folder = Path(folder)
    is_transcoder = not sae.undoes_normalisation or sae.d_out != sae.d_in or sae.W_skip is not None
    architecture = SAVED_ARCHITECTURE.get((is_transcoder, sae.architecture))
    if architecture is None or sae.one_per_group or sae.selection_scale is not None:
        raise InputError(
            f"{folder}: SAELens has no architecture that encodes like this {sae.format} SAE, so it "
            "cannot be converted."
        )
    if is_transcoder and sae.W_skip is not None:
        architecture = architecture.replace("transcoder", "skip_transcoder")
    tensors = {name: tensor.contiguous() for name, tensor in sae.tensors()}
    if sae.gate is not None:
        tensors.pop("b_enc")
    config = _config(sae, architecture)
    with new_folder(folder, "this SAE") as partial:
        save_file(tensors, partial / "sae_weights.safetensors")
        text = json.dumps(config, indent=1) + "\n"
        (partial / "cfg.json").write_text(text, encoding="utf-8")
    return folder


def _config(sae: SparseAutoencoder, architecture: str) -> dict[str, Any]:
    """The content of cfg.json, as SAELens 6 writes it."""
    metadata = {key: sae.metadata[key] for key in METADATA_KEYS if key in sae.metadata}
    metadata |= {"model_name": sae.model_name, "hook_name": sae.hook_point}
    metadata |= {"sae_lens_version": "6.0.0", "converted_from": sae.format}
    metadata |= {} if sae.hook_point_out is None else {"hook_name_out": sae.hook_point_out}
    metadata |= {} if sae.advertised_l0 is None else {"advertised_l0": sae.advertised_l0}
    arguments = dict(metadata.get("model_from_pretrained_kwargs") or {})
    if sae.centre_input:
        arguments["center_writing_weights"] = True
    hook_z = (sae.hook_point or "").endswith("hook_z")
    config = {
        "architecture": architecture,
        "d_in": sae.d_in,
        "d_sae": sae.d_sae,
        "dtype": str(sae.W_enc.dtype).removeprefix("torch."),
        "device": "cpu",
        "apply_b_dec_to_input": sae.applies_b_dec_to_input,
        "normalize_activations": sae.normalisation,
        "reshape_activations": "hook_z" if hook_z else "none",
        "metadata": {**metadata, "model_from_pretrained_kwargs": arguments},
    }
    config |= {"k": sae.k} if sae.architecture == "topk" else {}
    return config | ({"d_out": sae.d_out} if "transcoder" in architecture else {})
