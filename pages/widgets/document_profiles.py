"""Where a latent or a cluster fires, by a column of the documents that the reader chooses."""

import streamlit as st

from analysis.bundle import Bundle
from analysis.labels.profiles.main_values import Kind
from charts.document_profile import document_profile
from pages.widgets import choices
from pages.widgets.figure_card import show


def show_profile(bundle: Bundle, kind: Kind, unit: int) -> None:
    """Show the profile, and a choice of the column; nothing for bundles without profiles."""
    with st.container(gap="xsmall"):
        column = choices.profile(bundle)
        if column:
            show(document_profile(bundle, kind, unit, column))
