"""Which bundles there are, and the one that is shown."""

import os
from pathlib import Path

import streamlit as st

from analysis.bundle import MANIFEST, Bundle, open_bundle, read_manifest
from analysis.runtime.errors import InputError
from pages.widgets import state
from pages.widgets.text import plain

HOME = Path(__file__).resolve().parents[2]
ELSEWHERE = "CLEARWATER_BUNDLES"
_HOW = "python -m analysis build --sae DIR --model NAME --corpus FILE --out bundles/mine"


def folders() -> list[Path]:
    """The folders in which bundles are looked for; those of the environment come first."""
    named = os.environ.get(ELSEWHERE, "").split(os.pathsep)
    return [*(Path(name) for name in named if name), HOME / "data", HOME / "bundles"]


@st.cache_data(ttl=20, show_spinner=False)
def registry() -> dict[str, Path]:
    """Every readable bundle by its id, in the order found; links are looked up here alone."""
    found: dict[str, Path] = {}
    for folder in folders():
        for manifest in sorted([*folder.glob(MANIFEST), *folder.glob(f"*/{MANIFEST}")]):
            try:
                found.setdefault(read_manifest(manifest.parent).bundle_id, manifest.parent)
            except InputError:
                continue
    return found


@st.cache_resource(show_spinner=False, max_entries=8)
def _opened(bundle_id: str, _path: Path) -> Bundle:
    return open_bundle(_path)


def picker() -> None:
    """Let the reader choose among the bundles; says how to make one where there is none."""
    known = registry()
    if not known:
        st.error("There is no bundle to show yet. Make one from your saved SAE with this command:")
        st.code(_HOW, language="bash")
        st.stop()
    view = state.current()
    if not view.bundle:
        view = state.change(bundle=next(iter(known)))
    if st.session_state.get("bundle") != view.bundle and view.bundle in known:
        st.session_state["bundle"] = view.bundle
    st.selectbox(
        "Bundle",
        list(known),
        key="bundle",
        format_func=lambda bundle_id: known[bundle_id].name,
        on_change=_picked,
        help=f"Bundles are looked for in data, in bundles and in the folders of `{ELSEWHERE}`.",
    )


def _picked() -> None:
    """Another bundle has other latents and clusters, so the view starts anew."""
    state.forget_brushes()
    state.reset(bundle=st.session_state["bundle"])


def shown() -> Bundle:
    """The bundle of the view; says what is wrong and ends the page where it cannot be opened."""
    wanted = state.current().bundle
    path = registry().get(wanted)
    if path is None:
        st.error(
            f"This link is to the bundle {plain(wanted, 40)}, which is not on this server; choose "
            "another one at the side."
        )
        st.stop()
    try:
        return _opened(wanted, path)
    except InputError as error:
        st.error(plain(str(error)))
        st.stop()
