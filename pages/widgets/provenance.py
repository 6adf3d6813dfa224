"""What a bundle is, how it was made, and the numbers that tell whether to trust it."""

from collections.abc import Mapping

import pyarrow.compute as pc
import streamlit as st

from analysis.bundle import Bundle, Manifest
from analysis.latents.flags import DENSE_TEXT
from analysis.runtime import numbers
from pages.widgets.text import plain


def facts(bundle: Bundle) -> None:
    """The health of the SAE as a row of numbers."""
    said, check = bundle.manifest, bundle.manifest.self_check
    flags = bundle.latents["flag"].cast("string")
    counted = {flag: int(pc.sum(pc.equal(flags, flag)).as_py() or 0) for flag in ("dead", "dense")}
    cells = {
        "Latents": (numbers.count(said.sae.d_sae), "The width of the SAE."),
        "Kept tokens": (numbers.count(said.tokens), plain(said.mask.policy)),
        "Documents": (numbers.count(said.documents), "Documents with at least one kept token."),
        "L0": (numbers.short(check.l0), "Mean number of active latents on a kept token."),
        "Explained variance": (
            numbers.short(check.explained_variance),
            "1 − FVU, centred; unknown for imported activations.",
        ),
        "Dead": (
            numbers.count(counted["dead"]),
            f"Never active in {numbers.count(said.tokens)} tokens.",
        ),
        "Dense": (
            numbers.count(counted["dense"]),
            f"Active on more than {DENSE_TEXT} of the kept tokens.",
        ),
    }
    metrics(cells)
    if check.fits is False:
        st.warning(plain(check.verdict))


def metrics(cells: dict[str, tuple[str, str]]) -> None:
    """A row of numbers, each with its name and its explanation, as wide as it needs to be."""
    widths = [max(len(name) + 4.0, 1.5 * len(value)) for name, (value, _) in cells.items()]
    for column, (name, (value, meaning)) in zip(st.columns(widths), cells.items(), strict=True):
        column.metric(name, value, help=meaning)


def provenance(bundle: Bundle) -> None:
    """How the bundle was made, in full, for who wants to repeat it."""
    with st.expander("How this was made"):
        left, right = st.columns(2)
        with left:
            _listing("The SAE and the model", _sources(bundle.manifest))
            _listing("The tokens", _tokens(bundle.manifest))
        with right:
            _listing("The map and the clusters", _trust(bundle.manifest))
            _listing("Parameters", bundle.manifest.parameters.model_dump())
            _listing("Versions", bundle.manifest.versions)


def _listing(title: str, rows: Mapping[str, object]) -> None:
    lines = "\n".join(
        f"| {plain(name.replace('_', ' '))} | {plain(str(value))} |"
        for name, value in rows.items()
        if value is not None
    )
    st.markdown(f"**{title}**\n\n| | |\n|---|---|\n{lines}")


def _sources(said: Manifest) -> dict[str, object]:
    sae, model = said.sae, said.model
    return {
        "SAE": f"{sae.name}, {sae.architecture}, {sae.format} format",
        "Width": f"d_in {numbers.count(sae.d_in)}, d_sae {numbers.count(sae.d_sae)} latents"
        + (f", k = {sae.k}" if sae.k else ""),
        "Hook point": sae.hook_point or "not known",
        "Hugging Face module": sae.hook_module,
        "Output hook point": sae.hook_point_out,
        "Normalisation": sae.normalisation,
        "Centring": "each token's mean is removed first" if sae.centre_input else None,
        "Decoder bias": "subtracted from the input, and added to the output"
        if sae.applies_b_dec_to_input
        else "only added to the output",
        "Skip connection": "W_skip·x is added to the output" if sae.has_skip else None,
        "Decoder norms": _norms(sae.decoder_norms),
        "Folded or assumed": " ".join(sae.notes) or "nothing",
        "Advertised L0": numbers.short(sae.advertised_l0) if sae.advertised_l0 else "none",
        "SAE hash": sae.content_hash[:16],
        "Model": f"{model.name}, {model.layers} layers, {model.dtype}" if model else "none",
        "Model hash": model.content_hash[:16] if model else None,
        "Self-check": said.self_check.verdict or None,
        "Bundle": said.bundle_id,
    }


def _norms(quantiles: Mapping[str, float]) -> str | None:
    """Norms of the decoder vectors, least to largest; None in bundles that do not say."""
    names = {"min": "least", "median": "median", "max": "largest"}
    shown = [f"{names[k]} {numbers.short(v)}" for k, v in quantiles.items() if k in names]
    return ", ".join(shown) or None


def _tokens(said: Manifest) -> dict[str, object]:
    return {
        "Corpus": f"{said.corpus.name} ({said.corpus.kind})",
        "Corpus hash": said.corpus.content_hash[:16],
        "Kept": f"{numbers.count(said.tokens)} tokens of {numbers.count(said.documents)} documents",
        "Left out": f"{numbers.count(said.mask.special_tokens)} special tokens, "
        f"{numbers.count(said.mask.sink_tokens)} attention sinks",
        "Mask": said.mask.policy,
        "Active when": said.active_rule,
    }


def _trust(said: Manifest) -> dict[str, object]:
    levels = {
        f"Level {row.level}": f"{numbers.count(row.clusters)} clusters, "
        f"{numbers.count(row.noise)} latents in none, seeds agree by {numbers.short(row.stability)}"
        for row in said.clustering
    }
    return {
        "Trustworthiness": numbers.short(said.map.trustworthiness),
        "kNN recall@10": numbers.short(said.map.knn_recall),
        "On the map": f"{numbers.count(said.map.latents)} latents, "
        f"{numbers.count(said.map.left_out)} left out",
        "Neighbours": said.map.graph,
        **levels,
    }
