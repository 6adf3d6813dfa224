"""noanabeshima's matryoshka-saes: ReLU SAEs with activations in units of their contribution.

On disk: a .pt file with W_enc [d, F], W_dec [F, d], b_enc, b_dec, normalizer.running_avg (the mean
activation norm) and, if latents are kept in order, sq_act_running_avg.

Encodes relu((x·s)·W_enc + b_enc)·‖W_dec‖/s with s = √d/running_avg; the output is the plain decode
divided by s. Both scales are folded: W_enc·n, b_enc·n/s, W_dec/n, b_dec/s with n = ‖W_dec‖.
Source: noanabeshima/matryoshka-saes `sae.py`.
"""

from math import sqrt

from analysis.saes.folding import folded_decoder_norms
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.weights import WeightNames, positive, read_weights, scalar

RUNNING_NORM = "normalizer.running_avg"


def matches(saved: Saved) -> bool:
    """The weights and a running mean norm."""
    return saved.has("W_enc", "W_dec", RUNNING_NORM)


def read(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read the SAE in a file."""
    names = WeightNames(more={RUNNING_NORM: "one"}, ignored=("sq_act_running_avg",))
    weights = read_weights(saved, options, names, {"one": 1})
    mean_norm = positive(
        scalar(weights.more[RUNNING_NORM], saved.path), RUNNING_NORM, saved.weights.path
    )
    scale = sqrt(weights.W_enc.shape[0]) / mean_norm
    sae = SparseAutoencoder(
        format="matryoshka",
        architecture="standard",
        W_enc=weights.W_enc,
        b_enc=weights.b_enc / scale,
        W_dec=weights.W_dec,
        b_dec=weights.b_dec / scale,
        notes=[
            f"The mean activation norm {mean_norm:.6g} was folded into the biases.",
            "The file names neither model nor hook point: give them with --model and --hook.",
        ],
    )
    return folded_decoder_norms(
        sae,
        "The decoder norms were folded into the encoder, because this format's activations are "
        "contributions to the output.",
    )
