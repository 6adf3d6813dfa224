"""EleutherAI's sparsify: top-k SAEs, transcoders and skip transcoders, one folder per module.

On disk: `<module>/cfg.json` and `sae.safetensors` with encoder.weight [d_sae, d_in], encoder.bias,
W_dec [d_sae, d_out] (not transposed), b_dec, and W_skip [d_out, d_in] where `skip_connection`.

Encodes relu(x̃·W_enc + b_enc) and keeps the k largest, or the largest of each of k equal groups
where `activation` is groupmax; x̃ = x − b_dec, or x for a transcoder (`transcode`).
Source: sparsify 1.3.3, `sparse_coder.py` and `fused_encoder.py`.
"""

from analysis.runtime.errors import InputError
from analysis.saes import checks
from analysis.saes.hook_names import hook_point_of_module
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.saes.weights import WeightNames, kept_latents, read_weights

NAMES = WeightNames(W_enc="encoder.weight", b_enc="encoder.bias", encoder_transposed=True)


def matches(saved: Saved) -> bool:
    """encoder.weight together with W_dec, a combination that no other format has."""
    return saved.has("encoder.weight", "W_dec") and "k" in (saved.config or {})


def read(saved: Saved, options: Options) -> SparseAutoencoder:
    """Read the SAE of one module."""
    transcodes = bool(saved.setting("transcode", bool, False))
    skips = bool(saved.setting("skip_connection", bool, False))
    names = WeightNames(**{**vars(NAMES), "more": {"W_skip": "d_in d_in"} if skips else {}})
    d_in = saved.count("d_in")
    latents = saved.setting("num_latents", int) or None
    expansion = saved.count("expansion_factor")
    if latents is None and d_in is not None and expansion is not None:
        latents = d_in * expansion
    weights = read_weights(saved, options, names, {"d_in": d_in, "d_sae": latents})
    activation = saved.setting("activation", str, "topk")
    if activation not in ("topk", "groupmax"):
        raise InputError(
            f"{saved.config_path}: the activation {str(activation)[:40]!r} is unknown; supported "
            "are topk and groupmax."
        )
    if saved.setting("signed", bool, False):
        raise InputError(
            f"{saved.config_path}: this SAE is signed, so it has negative activations, but only "
            "positive ones can be counted; it cannot be analysed."
        )
    d_sae = weights.W_enc.shape[1]
    k = kept_latents(saved.count("k"), d_sae, saved.config_path)
    if activation == "groupmax" and d_sae % k:
        raise InputError(
            f"{saved.config_path}: groupmax needs {d_sae} latents to split into {k} equal groups; "
            "correct k."
        )
    module = saved.weights.path.parent.name
    return SparseAutoencoder(
        format="sparsify",
        architecture="topk",
        **weights.arguments(),
        applies_b_dec_to_input=not transcodes,
        k=k,
        one_per_group=activation == "groupmax",
        W_skip=weights.more.get("W_skip"),
        undoes_normalisation=not transcodes,
        hook_point=hook_point_of_module(f"{module}.input" if transcodes else module),
        hook_point_out=hook_point_of_module(module) if transcodes else None,
        model_name=_model(saved),
        metadata={"module": module},
        notes=[
            f"The module {module} was taken from the folder name."
            if hook_point_of_module(module)
            else f"The folder name {module} is not a known module: give --hook."
        ],
    )


def _model(saved: Saved) -> str | None:
    """The model's name, from the run's config.json one folder up."""
    run = saved.weights.path.parent.parent / "config.json"
    if not run.is_file():
        return None
    model = checks.read_json(run).get("model")
    return model if isinstance(model, str) else None
