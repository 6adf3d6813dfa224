"""The range of activation that the Latent page follows, and how to leave it."""

import streamlit as st

from analysis.runtime import numbers
from charts.core.text import range_words
from charts.latent import tokens_of_range
from pages.widgets import session
from pages.widgets.failures import guarded
from pages.widgets.page import Page


def chosen_regime(page: Page, latent: int) -> tuple[float, float] | None:
    """The range of the view, with its number of tokens and a button that ends it."""
    regime = session.current().regime
    if regime is None:
        return None
    inside = tokens_of_range(page.bundle, latent, regime)
    every = page.bundle.latents["active_tokens"][latent].as_py()
    with st.container(horizontal=True, vertical_alignment="center", key="regime"):
        st.markdown(
            f"Contexts and partners of **activation {range_words(regime)}**: "
            f"{numbers.count(inside)} of {numbers.count(every)} active tokens. The map coloured by "
            "association follows this range too.",
            width="content",
        )
        st.button("Show all", icon=":material/close:", type="tertiary", on_click=_end)
    return regime


@guarded()
def _end() -> None:
    session.clear_brushes()
    session.change(regime=None)
