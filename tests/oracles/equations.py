"""The published encode and decode of every format, in plain numpy and float64.

Each function takes the tensors under the names and in the orientation in which the format stores
them, and inputs x [n, d]; it returns activations [n, F] and outputs [n, d_out]. Nothing here is
shared with the loaders: it is the second opinion on them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Stored = Mapping[str, Array]
Result = tuple[Array, Array]


def relu(h: Array) -> Array:
    return np.maximum(h, 0)


def jump(h: Array, threshold: Array | float) -> Array:
    return relu(h) * (h > threshold)


def top(h: Array, k: int, score: Array | None = None) -> Array:
    """relu(h) at the k largest of score (h itself unless given) in each row, 0 elsewhere."""
    kept = np.zeros_like(h)
    for row, ranked in enumerate(h if score is None else score):
        places = np.argsort(-ranked)[:k]
        kept[row, places] = relu(h[row, places])
    return kept


def unit_norm(x: Array) -> tuple[Array, Array, Array]:
    mean = x.mean(1, keepdims=True)
    deviation = x.std(1, ddof=1, keepdims=True)
    return (x - mean) / (deviation + 1e-5), mean, deviation


def norms(W_dec: Array) -> Array:
    return np.linalg.norm(W_dec, axis=1)


def gemma_scope(w: Stored, x: Array, **_: Any) -> Result:
    acts = jump(x @ w["W_enc"] + w["b_enc"], w["threshold"])
    return acts, acts @ w["W_dec"] + w["b_dec"]


def gemma_scope_embedding(w: Stored, x: Array, **_: Any) -> Result:
    root = np.sqrt(x.shape[1])
    acts = jump((x / root) @ w["W_enc"] + w["b_enc"], w["threshold"])
    return acts, acts @ w["W_dec"] * root + w["b_dec"]


def gemma_scope_2(w: Stored, x: Array, **_: Any) -> Result:
    acts = jump(x @ w["w_enc"] + w["b_enc"], w["threshold"])
    output = acts @ w["w_dec"] + w["b_dec"]
    if "affine_skip_connection" in w:
        output = output + x @ w["affine_skip_connection"]
    return acts, output


def dl_auto_encoder(w: Stored, x: Array, **_: Any) -> Result:
    """As its loader leaves it: decoder columns of norm 1, encoder rows multiplied to match."""
    size = np.linalg.norm(w["decoder.weight"], axis=0)
    rows = w["encoder.weight"] * size[:, None]
    acts = relu((x - w["bias"]) @ rows.T + w["encoder.bias"] * size)
    return acts, acts @ (w["decoder.weight"] / size).T + w["bias"]


def linear_layers(w: Stored, x: Array, prefix: str = "", **_: Any) -> Result:
    """AutoEncoderNew and DeepSeek-R1."""
    acts = relu(x @ w["encoder.weight"].T + w["encoder.bias"])
    return acts, acts @ w["decoder.weight"].T + w["decoder.bias"]


def goodfire(w: Stored, x: Array, **_: Any) -> Result:
    acts = relu(x @ w["encoder_linear.weight"].T + w["encoder_linear.bias"])
    return acts, acts @ w["decoder_linear.weight"].T + w["decoder_linear.bias"]


def e2e_sae(w: Stored, x: Array, prefix: str = "", **_: Any) -> Result:
    acts = relu(x @ w[f"{prefix}encoder.0.weight"].T + w[f"{prefix}encoder.0.bias"])
    decoder = w[f"{prefix}decoder.weight"]
    decoder = decoder / np.linalg.norm(decoder, axis=0, keepdims=True)
    return acts, acts @ decoder.T + w[f"{prefix}decoder.bias"]


def dl_gated(w: Stored, x: Array, **_: Any) -> Result:
    encoded = (x - w["decoder_bias"]) @ w["encoder.weight"].T
    is_open = encoded + w["gate_bias"] > 0
    acts = is_open * relu(np.exp(w["r_mag"]) * encoded + w["mag_bias"])
    return acts, acts @ w["decoder.weight"].T + w["decoder_bias"]


def dl_top_k(w: Stored, x: Array, k: int = 0, **_: Any) -> Result:
    acts = top((x - w["b_dec"]) @ w["encoder.weight"].T + w["encoder.bias"], k)
    return acts, acts @ w["decoder.weight"].T + w["b_dec"]


def dl_batch_top_k(w: Stored, x: Array, **_: Any) -> Result:
    h = relu((x - w["b_dec"]) @ w["encoder.weight"].T + w["encoder.bias"])
    acts = h * (h > w["threshold"])
    return acts, acts @ w["decoder.weight"].T + w["b_dec"]


def dl_matryoshka(w: Stored, x: Array, **_: Any) -> Result:
    h = relu((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"])
    acts = h * (h > w["threshold"])
    return acts, acts @ w["W_dec"] + w["b_dec"]


def openai(w: Stored, x: Array, k: int = 0, tied: bool = False, **_: Any) -> Result:
    """With k its TopK and layer norm, without its ReLU."""
    decoder = w["encoder.weight"].T if tied else w["decoder.weight"]
    if not k:
        acts = relu((x - w["pre_bias"]) @ w["encoder.weight"].T + w["latent_bias"])
        return acts, acts @ decoder.T + w["pre_bias"]
    normalised, mean, deviation = unit_norm(x)
    acts = top((normalised - w["pre_bias"]) @ w["encoder.weight"].T + w["latent_bias"], k)
    return acts, (acts @ decoder.T + w["pre_bias"]) * deviation + mean


def llama_scope(
    w: Stored,
    x: Array,
    threshold: float = 0.0,
    norm_in: float = 1.0,
    norm_out: float = 1.0,
    by_contribution: bool = True,
    **_: Any,
) -> Result:
    """The steps of OpenMOSS' loader of 2024, with its activations back on the scale as stored.

    The norms go into the bias and the decoder, so that raw inputs are read; decoder vectors are
    scaled to norm 1 and the encoder to match; then the threshold is compared.
    """
    scale_in, scale_out = np.sqrt(x.shape[1]) / norm_in, np.sqrt(x.shape[1]) / norm_out
    bias, decoder = w["encoder.bias"] / scale_in, w["decoder.weight"] * scale_in / scale_out
    size = norms(decoder.T) if by_contribution else np.ones(decoder.shape[1])
    h = x @ (w["encoder.weight"] * size[:, None]).T + bias * size
    theirs = jump(h, threshold)
    output = theirs @ (decoder / size).T + w["decoder.bias"] / scale_out
    return theirs / size * scale_in, output


def llama_scope_r1(
    w: Stored, x: Array, hook: str = "", by_contribution: bool = True, **_: Any
) -> Result:
    scale = np.sqrt(x.shape[1]) / w[f"dataset_average_activation_norm.{hook}"]
    h = (x * scale) @ w["encoder.weight"].T + w["encoder.bias"]
    size = norms(w["decoder.weight"].T) if by_contribution else 1.0
    acts = relu(h) * (h * size > np.exp(w["log_jumprelu_threshold"]))
    return acts, (acts @ w["decoder.weight"].T + w["decoder.bias"]) / scale


def llamascopium(
    w: Stored,
    x: Array,
    act: str = "relu",
    k: int = 0,
    by_contribution: bool = True,
    norm_in: float = 0.0,
    norm_out: float = 0.0,
    token_wise: bool = False,
    **_: Any,
) -> Result:
    root = np.sqrt(x.shape[1])
    scale_in: Array | float = root / norm_in if norm_in else 1.0
    scale_out: Array | float = root / norm_out if norm_out else 1.0
    if token_wise:
        scale_in = scale_out = root / np.linalg.norm(x, axis=1, keepdims=True)
    size = norms(w["W_D"]) if by_contribution else np.ones(len(w["W_D"]))
    h = ((x * scale_in) @ w["W_E"] + w["b_E"]) * size
    if act == "relu":
        gated = relu(h)
    elif act == "jumprelu":
        gated = jump(h, np.exp(w["activation_function.log_jumprelu_threshold"]))
    else:
        gated = top(h, k)
    acts = gated / size
    return acts, (acts @ w["W_D"] + w["b_D"]) / scale_out


def qwen_scope(w: Stored, x: Array, k: int = 0, **_: Any) -> Result:
    acts = top(x @ w["W_enc"].T + w["b_enc"], k)
    return acts, acts @ w["W_dec"].T + w["b_dec"]


def circuit_tracer(
    w: Stored, x: Array, k: int = 0, decoder_transposed: bool = False, **_: Any
) -> Result:
    h = x @ w["W_enc"].T + w["b_enc"]
    acts = top(h, k) if k else relu(h)
    if "activation_function.threshold" in w:
        acts = jump(h, w["activation_function.threshold"])
    output = acts @ (w["W_dec"].T if decoder_transposed else w["W_dec"]) + w["b_dec"]
    return acts, output + x @ w["W_skip"].T if "W_skip" in w else output


def plain_relu(w: Stored, x: Array, **_: Any) -> Result:
    """Neel and connor_rob, and BatchTopK's vanilla."""
    acts = relu((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"])
    return acts, acts @ w["W_dec"] + w["b_dec"]


def batch_topk(w: Stored, x: Array, k: int = 0, **_: Any) -> Result:
    """TopK, and BatchTopK on batches of one token, with input_unit_norm."""
    normalised, mean, deviation = unit_norm(x)
    acts = top((normalised - w["b_dec"]) @ w["W_enc"], k)
    return acts, (acts @ w["W_dec"] + w["b_dec"]) * deviation + mean


def batch_topk_jump(w: Stored, x: Array, **_: Any) -> Result:
    h = relu(x @ w["W_enc"] + w["b_enc"])
    acts = h * (h > np.exp(w["jumprelu.log_threshold"]))
    return acts, acts @ w["W_dec"] + w["b_dec"]


def matryoshka(w: Stored, x: Array, **_: Any) -> Result:
    scale = np.sqrt(x.shape[1]) / w["normalizer.running_avg"]
    plain = relu((x * scale) @ w["W_enc"] + w["b_enc"])
    acts = plain * norms(w["W_dec"]) / scale
    return acts, (plain @ w["W_dec"] + w["b_dec"]) / scale
