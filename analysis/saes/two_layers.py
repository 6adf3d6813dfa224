"""ReLU SAEs of two torch linear layers: Goodfire, Qresearch for DeepSeek-R1, Apollo's e2e_sae.

On disk: one .pt file, no configuration. All encode relu(x·W_enc + b_enc) without subtracting b_dec
or normalising; weights are stored as by torch's linear layers, [F, d] and [d, F].

- Goodfire: encoder_linear.weight/.bias, decoder_linear.weight/.bias.
- Qresearch: encoder.weight/.bias, decoder.weight/.bias; the layer is in the file's name.
- e2e_sae: encoder.0.weight/.bias, decoder.weight/.bias, with the hook point as a prefix
  (`blocks-6-hook_resid_pre.`); decoder vectors are scaled to norm 1 whenever it runs.
  Source: ApolloResearch/e2e_sae `models/sparsifiers.py`.
"""

from dataclasses import replace

from analysis.runtime.errors import InputError
from analysis.saes.folding import divisible_norms
from analysis.saes.hook_names import layer_in
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.weights import TORCH_LINEAR, read_weights

GOODFIRE = replace(
    TORCH_LINEAR,
    W_enc="encoder_linear.weight",
    b_enc="encoder_linear.bias",
    W_dec="decoder_linear.weight",
    b_dec="decoder_linear.bias",
)
E2E_ENCODER = "encoder.0.weight"


def matches_goodfire(saved: Saved) -> bool:
    """Layers called encoder_linear and decoder_linear."""
    return saved.has("encoder_linear.weight", "decoder_linear.weight")


def read_goodfire(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read an SAE by Goodfire."""
    layer = layer_in(saved.weights.path.name, r"-l(\d+)")
    return SparseAutoencoder(
        format="goodfire",
        architecture="standard",
        **read_weights(saved, options, GOODFIRE).arguments(),
        hook_point=None if layer is None else f"blocks.{layer}.hook_resid_post",
        notes=_layer_note(layer),
    )


def matches_deepseek_r1(saved: Saved) -> bool:
    """Layers called encoder and decoder with both biases, and no configuration at all."""
    return saved.config is None and set(saved.weights.tensors) == set(TORCH_LINEAR.shapes())


def read_deepseek_r1(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read an SAE by Qresearch for DeepSeek-R1-Distill-Llama-8B."""
    layer = layer_in(saved.weights.path.name, r"l(\d+)")
    return SparseAutoencoder(
        format="deepseek_r1",
        architecture="standard",
        **read_weights(saved, options, TORCH_LINEAR).arguments(),
        hook_point=None if layer is None else f"blocks.{layer}.hook_resid_post",
        notes=_layer_note(layer),
    )


def _layer_note(layer: int | None) -> list[str]:
    if layer is None:
        return ["The file names neither model nor hook point: give them with --model and --hook."]
    return [f"Layer {layer} was taken from the file name; its output (hook_resid_post) is assumed."]


def matches_e2e(saved: Saved) -> bool:
    """An encoder inside a sequence of modules."""
    return any(name.endswith(E2E_ENCODER) for name in saved.weights.tensors)


def read_e2e(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read an SAE of Apollo's end-to-end training; a file with several SAEs is refused."""
    stored = saved.weights.tensors
    prefixes = sorted(n.removesuffix(E2E_ENCODER) for n in stored if n.endswith(E2E_ENCODER))
    if len(prefixes) != 1:
        raise InputError(
            f"{saved.weights.path}: it holds {len(prefixes)} SAEs ({', '.join(prefixes)[:200]}), "
            "but must hold one; save the one that you need to its own file."
        )
    prefix = prefixes[0]
    names = replace(
        TORCH_LINEAR,
        W_enc=f"{prefix}encoder.0.weight",
        b_enc=f"{prefix}encoder.0.bias",
        W_dec=f"{prefix}decoder.weight",
        b_dec=f"{prefix}decoder.bias",
    )
    weights = read_weights(saved, options, names)
    W_dec = weights.W_dec / divisible_norms(weights.W_dec)[:, None]
    hook = prefix.removeprefix("saes.").strip(".").replace("-", ".")
    return SparseAutoencoder(
        format="e2e_sae",
        architecture="standard",
        **{**weights.arguments(), "W_dec": W_dec.to(weights.W_dec.dtype)},
        hook_point=hook or None,
        notes=["The decoder vectors were scaled to norm 1, as e2e_sae does whenever it runs."],
    )
