"""Per-layer transcoders that circuit-tracer reads: mwhanna's, mntss's and those of its own cache.

On disk: `layer_N.safetensors` with W_enc [F, d], W_dec [F, d] (mntss: [d, F]), b_enc, b_dec, W_skip
[d, d] for skip transcoders, and `activation_function.threshold` [F] or `k` unless it is a ReLU.

Encodes act(x·W_enc + b_enc) with act relu, jumprelu or topk; the output is acts·W_dec + b_dec
(+ W_skip·x). Source: circuit-tracer `single_layer_transcoder.py`; SAELens for the hook points.
"""

from analysis.saes.hook_names import layer_in
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.weights import WeightNames, kept_latents, read_weights, scalar

THRESHOLD = "activation_function.threshold"


def matches(saved: Saved) -> bool:
    """A transposed encoder with a decoder that is not transposed, or with a skip matrix."""
    if not saved.has("W_enc", "W_dec", "b_enc", "b_dec") or "d_sae" in (saved.config or {}):
        return False
    shapes = {name: info.shape for name, info in saved.weights.tensors.items()}
    transposed = shapes["W_enc"] == shapes["b_enc"] + shapes["b_dec"]
    return transposed and (shapes["W_dec"] == shapes["W_enc"] or saved.has("W_skip"))


def read(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read the transcoder of one layer."""
    shapes = {name: info.shape for name, info in saved.weights.tensors.items()}
    names = WeightNames(
        encoder_transposed=True,
        decoder_transposed=shapes.get("W_dec") != shapes.get("W_enc"),
        optional={"W_skip": "d_out d_in", THRESHOLD: "d_sae", "k": "()"},
        d_out="d_out",
    )
    weights = read_weights(saved, options, names)
    threshold, k = weights.more.get(THRESHOLD), weights.more.get("k")
    layer = layer_in(saved.weights.path.name, r"layer_(\d+)")
    kept = (
        None
        if k is None
        else kept_latents(int(scalar(k, saved.path)), weights.W_enc.shape[1], saved.path)
    )
    architecture = "jumprelu" if threshold is not None else "standard" if kept is None else "topk"
    return SparseAutoencoder(
        format="circuit_tracer",
        architecture=architecture,  # type: ignore[arg-type]  # one of the three
        **weights.arguments(),
        k=kept,
        threshold=threshold,
        W_skip=weights.more.get("W_skip"),
        undoes_normalisation=False,
        hook_point=None if layer is None else f"blocks.{layer}.mlp.hook_in",
        hook_point_out=None if layer is None else f"blocks.{layer}.hook_mlp_out",
        notes=["A transcoder of a layer's MLP; its input is what the MLP reads, after the norm."],
    )
