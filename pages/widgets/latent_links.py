"""From a latent to what lies around it: each link makes a selection that every page shows."""

import streamlit as st

from analysis.bundle import Bundle
from analysis.selection import Cluster, Latents, Near, Partners, Selection
from pages.widgets import state


def latent_links(bundle: Bundle, latent: int) -> None:
    """Offer the latent, its cluster, its neighbours and its partners as the selection."""
    around: dict[str, Selection] = {
        "this latent": Latents((latent,)),
        "its nearest decoder vectors": Near(latent),
        "its partners": Partners(latent, state.current().measure),
    }
    cluster = bundle.latents["cluster"][latent].as_py()
    if cluster is not None:
        around["its cluster"] = Cluster((cluster,))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("Select", width="content")
        for words, selection in around.items():
            st.button(words, on_click=_select, args=(selection,), key=f"select {words}")


def _select(selection: Selection) -> None:
    state.select(selection)
