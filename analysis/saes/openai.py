"""OpenAI's sparse_autoencoder: GPT-2's ReLU and TopK autoencoders, in one .pt file each.

On disk: pre_bias [d], encoder.weight [F, d], latent_bias [F], decoder.weight [d, F] (absent where
tied), the strings `activation` (ReLU or TopK) and `activation_state_dict` {k, postact_fn}, and
buffers that count firings.

Encodes act((LN(x) − pre_bias)·W_enc + latent_bias). The layer norm, (x − μ)/(σ + 1e-5), is applied
if and only if the activation is TopK, and undone on the output.
Source: openai/sparse_autoencoder `model.py`. Its loader treats an unknown activation as a ReLU;
this one refuses it.
"""

from analysis.runtime.errors import InputError
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.weights import WeightNames, kept_latents, read_weights

BUFFERS = (
    "stats_last_nonzero",
    "latents_activation_frequency",
    "latents_mean_square",
    "decoder.linear.weight",
)


def matches(saved: Saved) -> bool:
    """Biases called pre_bias and latent_bias, names that no other format uses."""
    return saved.has("pre_bias", "latent_bias", "encoder.weight")


def read(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read the autoencoder in a file."""
    names = WeightNames(
        W_enc="encoder.weight",
        W_dec="decoder.weight" if saved.has("decoder.weight") else None,
        b_enc="latent_bias",
        b_dec="pre_bias",
        encoder_transposed=True,
        decoder_transposed=True,
        ignored=BUFFERS,
    )
    weights = read_weights(saved, options, names)
    activation = saved.weights.others.get("activation")
    details = saved.weights.others.get("activation_state_dict")
    details = details if isinstance(details, dict) else {}
    if activation not in ("ReLU", "TopK") or details.get("postact_fn", "ReLU") != "ReLU":
        raise InputError(
            f"{saved.weights.path}: its activation is {str(activation)[:40]!r} (postact_fn "
            f"{str(details.get('postact_fn'))[:20]}); supported are ReLU, and TopK then ReLU."
        )
    k = details.get("k") if activation == "TopK" else None
    if activation == "TopK":
        k = kept_latents(k if type(k) is int else None, weights.W_enc.shape[1], saved.path)
    return SparseAutoencoder(
        format="openai",
        architecture="topk" if activation == "TopK" else "standard",
        **weights.arguments(),
        applies_b_dec_to_input=True,
        normalisation="layer_norm" if activation == "TopK" else "none",
        k=k,
        notes=["The file names neither model nor hook point: give them with --model and --hook."],
    )
