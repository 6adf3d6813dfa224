"""How far the map and the clusters can be believed, in words, beside what they qualify."""

import streamlit as st

from analysis.bundle import Bundle
from analysis.clusters.stability import WEAK
from analysis.decoder.map_verdict import quality_of_map, quality_sentence
from analysis.runtime import numbers
from analysis.selection import MapName
from pages.widgets.text import plain


def map_trust(bundle: Bundle, layout: MapName) -> None:
    """What the measured quality of the map that is shown means."""
    quality = quality_of_map(bundle.manifest, layout)
    if quality is not None:
        said = plain(quality_sentence(quality), 1000)
        st.markdown(f":material/info: **How far to believe this map.** {said}")


def clustering_trust(bundle: Bundle, level: int) -> None:
    """A warning where other seeds do not find the clusters of this level again."""
    for row in bundle.manifest.clustering:
        if row.level == level and row.stability < WEAK:
            st.warning(
                f"The {numbers.count(row.clusters)} clusters of this level are weak evidence: with "
                f"other seeds others are found (stability {numbers.short(row.stability)}; below "
                f"{WEAK:g} nothing should be built on them)."
            )


def cluster_trust(stability: float, bootstrap: float) -> None:
    """A warning where other seeds or resampled edges do not find one cluster again."""
    if min(stability, bootstrap) < WEAK:
        ways = {"with other seeds": stability, "from resampled edges": bootstrap}
        weak = " and ".join(way for way, found in ways.items() if found < WEAK)
        st.warning(
            f"This cluster is weak evidence: {weak} it is not found again (stability "
            f"{numbers.short(stability)}, bootstrap {numbers.short(bootstrap)}; below {WEAK:g} "
            "nothing should be built on it)."
        )
