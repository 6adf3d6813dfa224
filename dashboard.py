"""Clearwater's entry point: `streamlit run dashboard.py`, from any folder.

Paths of pages are relative to this file. Streamlit reads `.streamlit/config.toml` next to it.
"""

import streamlit as st

from pages.widgets import bundles, events, session, style

st.set_page_config(
    page_title="Clearwater",
    page_icon="💧",
    layout="wide",
    initial_sidebar_state="collapsed",
)
style.apply()
page = st.navigation(
    [
        st.Page("pages/overview.py", title="Overview", icon=":material/monitoring:", default=True),
        st.Page("pages/map.py", title="Map", icon=":material/scatter_plot:"),
        st.Page("pages/clusters.py", title="Clusters", icon=":material/account_tree:"),
        st.Page("pages/cooccurrence.py", title="Co-occurrence", icon=":material/hub:"),
        st.Page("pages/pair.py", title="Pair", icon=":material/join_inner:"),
        st.Page("pages/latent.py", title="Latent", icon=":material/target:"),
    ],
    position="top",
)
with st.sidebar:
    bundles.bundle_picker()
events.follow()
page.run()
session.write()
