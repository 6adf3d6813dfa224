"""A row of numbers with their names and meanings."""

from collections.abc import Mapping

import streamlit as st


def metrics(cells: Mapping[str, tuple[str, str]]) -> None:
    """A row of numbers, each as name: (value, meaning); columns are as wide as their text."""
    widths = [max(len(name) + 4.0, 1.5 * len(value)) for name, (value, _) in cells.items()]
    for column, (name, (value, meaning)) in zip(st.columns(widths), cells.items(), strict=True):
        column.metric(name, value, help=meaning)
