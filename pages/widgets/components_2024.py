"""The components of Clarke et al. 2024, found once for each bundle."""

import numpy as np
import streamlit as st

from analysis.bundle import Bundle
from analysis.cooccurrence.communities import Components, clarke_2024


def components_of(bundle: Bundle) -> Components:
    """Components of all latents but the dense ones."""
    return _found(bundle.manifest.bundle_id, bundle)


@st.cache_data(show_spinner="Bisecting the threshold", max_entries=8)
def _found(bundle_id: str, _bundle: Bundle) -> Components:
    flags = _bundle.latents["flag"].cast("string").to_numpy(zero_copy_only=False)
    return clarke_2024(
        _bundle.partners,
        _bundle.latents["active_tokens"].to_numpy(),
        eligible=np.asarray(flags != "dense"),
    )
