"""How many latents fire nearly together with another one, with a button that selects them."""

import numpy as np
import streamlit as st

from analysis.bundle import Bundle
from analysis.cooccurrence.near_copies import NEARLY_TOGETHER, copies_per_token, near_copies
from analysis.runtime import numbers
from analysis.selection import Latents
from pages.widgets import session
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain


def redundancy(bundle: Bundle) -> None:
    """The number of latents with a near-copy, its rule, and a button that selects them."""
    latents = near_copies(bundle)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(plain(redundancy_sentence(bundle, len(latents)), 600), width="content")
        if len(latents):
            st.button(
                f"Select the {numbers.count(len(latents))}",
                key="select near copies",
                type="tertiary",
                icon=":material/filter_alt:",
                on_click=_select,
                args=(tuple(np.asarray(latents).tolist()),),
            )


def redundancy_sentence(bundle: Bundle, latents: int) -> str:
    """How many latents have a near-copy, of how many, and by which rule."""
    firing = int(np.count_nonzero(bundle.latents["active_tokens"].to_numpy()))
    least = bundle.manifest.parameters.minimum_joint
    rule = (
        f"Redundancy: {numbers.count(latents)} of the {numbers.counted(firing, 'latent')} that "
        f"fire ({numbers.share(latents, firing)}) do so nearly together with another one, that is, "
        f"with a phi of at least {NEARLY_TOGETHER:g} and at least "
        f"{numbers.counted(least, 'joint token')}; "
        f"N\u00a0=\u00a0{numbers.count(bundle.manifest.tokens)} tokens."
    )
    at_once = copies_per_token(bundle)
    if not at_once.tokens:
        return rule
    return (
        f"{rule} On the {numbers.counted(at_once.tokens, 'token')} where any of them fires, "
        f"{numbers.short(at_once.mean)} fire at once on average, and at most "
        f"{numbers.count(at_once.most)}."
    )


@guarded()
def _select(latents: tuple[int, ...]) -> None:
    session.select(Latents(latents))
