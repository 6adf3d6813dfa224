"""The provenance of a bundle, and the numbers that show whether the SAE is healthy."""

from collections.abc import Mapping

import pyarrow.compute as pc
import streamlit as st

from analysis.bundle import Bundle, Manifest
from analysis.latents.flags import DENSE_TEXT
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from analysis.selection.tours.tour import read_tours
from charts.cluster_level import in_no_cluster, level_words
from pages.widgets.markdown import plain
from pages.widgets.metrics import metrics

ARCHITECTURES = {"topk": "TopK", "jumprelu": "JumpReLU"}
"""As papers write them, by the name in the manifest."""


def introduction(bundle: Bundle) -> None:
    """What a newcomer must know: which SAE this is, what latents are, and what the text is."""
    try:
        about = read_tours(bundle).about
    except InputError:  # the tours below show it
        about = ""
    st.markdown(plain(f"{which_sae(bundle.manifest)} {about}".rstrip(), 1500))


def which_sae(manifest: Manifest) -> str:
    """The SAE, its model and the text in a few sentences."""
    sae, latents = manifest.sae, numbers.count(manifest.sae.d_sae)
    model = f" of {manifest.model.name}" if manifest.model else ""
    trained = f" and was trained on {sae.trained_on}" if sae.trained_on else ""
    return (
        "Clearwater shows what a sparse autoencoder (SAE) has learned, and how far to trust it. "
        f"This one ({_kind(manifest)}) is at {sae.hook_point}{model}{trained}. On each token, it "
        f"approximates the activation of the model by a weighted sum of a few of its {latents} "
        "directions, which are called latents. A latent fires on the tokens where its direction is "
        f"part of the sum. Counts are of N = {numbers.count(manifest.tokens)} tokens, unless they "
        f"name another unit, such as the {numbers.count(manifest.documents)} documents of these "
        "tokens."
    )


def _kind(manifest: Manifest) -> str:
    """The architecture and what is known of its quality, as "TopK, k = 32, L0 32, …"."""
    sae, check = manifest.sae, manifest.self_check
    parts = [ARCHITECTURES.get(sae.architecture, sae.architecture)]
    if sae.k:
        parts.append(f"k = {sae.k}")
    parts.append(f"L0 {numbers.short(check.l0)}")
    if check.explained_variance is not None:
        parts.append(f"explained variance {numbers.short(check.explained_variance)}")
    return ", ".join(parts)


def facts(bundle: Bundle) -> None:
    """The health of the SAE as a row of numbers."""
    metrics(health_numbers(bundle))


def self_check_warning(bundle: Bundle) -> None:
    """A warning if the self-check failed: the rest of the page then means little."""
    check = bundle.manifest.self_check
    if check.fits is False:
        st.warning(plain(check.verdict))


def health_numbers(bundle: Bundle) -> dict[str, tuple[str, str]]:
    """The numbers at the head of the Overview and their meaning."""
    manifest, check = bundle.manifest, bundle.manifest.self_check
    flags = bundle.latents["flag"].cast("string")
    dead, dense = (int(pc.sum(pc.equal(flags, f)).as_py() or 0) for f in ("dead", "dense"))
    tokens = numbers.count(manifest.tokens)
    return {
        "Latents": (numbers.count(manifest.sae.d_sae), "d_sae, the width of the SAE."),
        "Kept tokens": (tokens, plain(manifest.mask.policy)),
        "Documents": (
            numbers.count(manifest.documents),
            "Documents with at least one kept token.",
        ),
        "L0": (numbers.short(check.l0), "Mean number of active latents per kept token."),
        "Explained variance": (
            numbers.short(check.explained_variance),
            "1 − FVU, centred. 1 is best. Unknown for imported activations.",
        ),
        "Dead": (numbers.count(dead), f"Latents that are never active in {tokens} tokens."),
        "Dense": (
            numbers.count(dense),
            f"Latents that are active on more than {DENSE_TEXT} of the kept tokens.",
        ),
    }


def provenance(bundle: Bundle) -> None:
    """How the bundle was made, in enough detail to reproduce it."""
    with st.expander("How this was made"):
        left, right = st.columns(2)
        with left:
            _listing(
                "The SAE and the model",
                _sources(bundle.manifest) | {"Checksums": checksums(bundle)},
            )
            _listing("The tokens", _tokens(bundle.manifest))
        with right:
            _listing("The map and the clusters", _trust(bundle))
            _listing("Parameters", bundle.manifest.parameters.model_dump())
            _listing("Versions", bundle.manifest.versions)


def _listing(title: str, rows: Mapping[str, object]) -> None:
    lines = "\n".join(
        f"| {plain(name.replace('_', ' '))} | {plain(str(value))} |"
        for name, value in rows.items()
        if value is not None
    )
    st.markdown(f"**{title}**\n\n| | |\n|---|---|\n{lines}")


def _sources(manifest: Manifest) -> dict[str, object]:
    sae, model = manifest.sae, manifest.model
    return {
        "SAE": f"{sae.name}, {sae.architecture}, {sae.format} format",
        "Width": f"d_in {numbers.count(sae.d_in)}, d_sae {numbers.count(sae.d_sae)} latents"
        + (f", k = {sae.k}" if sae.k else ""),
        "Trained on": sae.trained_on,
        "Hook point": sae.hook_point or "not known",
        "Hugging Face module": sae.hook_module,
        "Output hook point": sae.hook_point_out,
        "Normalisation": sae.normalisation,
        "Centring": "the mean of each token is subtracted first" if sae.centre_input else None,
        "Decoder bias": "subtracted from the input and added to the output"
        if sae.applies_b_dec_to_input
        else "only added to the output",
        "Skip connection": "W_skip·x is added to the output" if sae.has_skip else None,
        "Decoder norms": _norms(sae.decoder_norms),
        "Folded or assumed on loading": " ".join(sae.notes) or "nothing",
        "Advertised L0": numbers.short(sae.advertised_l0) if sae.advertised_l0 else "none",
        "SAE hash": sae.content_hash[:16],
        "Model": f"{model.name}, {model.layers} layers, {model.dtype}" if model else "none",
        "Model hash": model.content_hash[:16] if model else None,
        "Self-check": manifest.self_check.verdict or None,
        "Bundle": manifest.bundle_id,
    }


def checksums(bundle: Bundle) -> str:
    """Whether damage to the tables can be noticed."""
    without = len(bundle.without_checksums)
    if without == 0:
        return "every table has them; pages are verified when they are read"
    return (
        f"{without} of {len(bundle.files)} tables have none, because an older version wrote them; "
        "damage is noticed only where a value is impossible"
    )


def _norms(quantiles: Mapping[str, float]) -> str | None:
    """Norms of the decoder vectors; None in bundles that predate this field."""
    names = {"min": "smallest", "median": "median", "max": "largest"}
    shown = [f"{names[k]} {numbers.short(v)}" for k, v in quantiles.items() if k in names]
    return ", ".join(shown) or None


def _tokens(manifest: Manifest) -> dict[str, object]:
    return {
        "Corpus": f"{manifest.corpus.name} ({manifest.corpus.kind})",
        "Corpus hash": manifest.corpus.content_hash[:16],
        "Kept": f"{numbers.count(manifest.tokens)} tokens of "
        f"{numbers.count(manifest.documents)} documents",
        "Left out": f"{numbers.count(manifest.mask.special_tokens)} special tokens, "
        f"{numbers.count(manifest.mask.sink_tokens)} attention sinks",
        "Mask": manifest.mask.policy,
        "Active when": manifest.active_rule,
    }


def _trust(bundle: Bundle) -> dict[str, object]:
    manifest = bundle.manifest
    levels = {
        f"{level_words(row.name).capitalize()}": f"{numbers.counted(row.clusters, 'cluster')}, "
        f"{numbers.counted(in_no_cluster(bundle, row), 'latent')} in none, "
        f"agreement of seeds {numbers.short(row.stability)}"
        for row in manifest.clustering
    }
    return {
        "Trustworthiness": numbers.short(manifest.map.trustworthiness),
        "kNN recall@10": numbers.short(manifest.map.knn_recall),
        "On the map": f"{numbers.count(manifest.map.latents)} latents, "
        f"{numbers.count(manifest.map.left_out)} left out",
        "Neighbours": manifest.map.graph,
        **levels,
    }
