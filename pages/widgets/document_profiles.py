"""Where latents and clusters fire, by a column of the documents."""

import streamlit as st

from analysis.bundle import Bundle
from analysis.labels.profiles.main_values import Kind
from charts.document_profile import document_profile
from charts.profile_colours import offered_profiles
from charts.profile_counts import profile_counts
from pages.widgets import choices
from pages.widgets.figure_card import show
from pages.widgets.page import Page

MOST_COLUMNS = 2
"""Columns of the documents that the Overview shows."""


def show_profile(bundle: Bundle, kind: Kind, unit: int) -> None:
    """Show the profile, and a choice of the column; nothing for bundles without profiles."""
    with st.container(gap="xsmall"):
        column = choices.profile(bundle)
        if column:
            show(document_profile(bundle, kind, unit, column))


def by_document(page: Page) -> None:
    """How many latents fire most on each value; nothing for bundles without profiles."""
    columns = offered_profiles(page.bundle)[:MOST_COLUMNS]
    if not columns:
        return
    for place, column in zip(st.columns(MOST_COLUMNS), columns, strict=False):
        with place:
            show(profile_counts(page.bundle, column, page.selected), page.selection)
