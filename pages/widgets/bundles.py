"""The available bundles, the bundle of the view, and cached results of it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from analysis.bundle import MANIFEST, Bundle, open_bundle, read_manifest
from analysis.runtime.errors import InputError
from analysis.serve import BUNDLES
from pages.widgets import session
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain

if TYPE_CHECKING:
    from analysis.clusters.communities import Components

HOME = Path(__file__).resolve().parents[2]
_BUILD = "clearwater build --sae DIR --model NAME --corpus FILE --out bundles/mine"
_PICK = "pick bundle"
MOST_OPEN = 8
"""Bundles that one server process keeps open."""


def folders() -> list[Path]:
    """The folders to search for bundles; those of the environment variable come first."""
    named = os.environ.get(BUNDLES, "").split(os.pathsep)
    paths = [Path(name) for name in named if name]
    return [*paths, HOME / "data", HOME / "bundles", Path.cwd() / "bundles"]


@st.cache_data(ttl=20, show_spinner=False)
def registry() -> dict[str, Path]:
    """The path of every readable bundle by its id; a link can open only these."""
    paths: dict[str, Path] = {}
    for folder in folders():
        for manifest in sorted([*folder.glob(MANIFEST), *folder.glob(f"*/{MANIFEST}")]):
            try:
                paths.setdefault(read_manifest(manifest.parent).bundle_id, manifest.parent)
            except InputError:
                continue
    return paths


@st.cache_resource(show_spinner=False, max_entries=MOST_OPEN)
def _opened(bundle_id: str, _path: Path) -> Bundle:
    return open_bundle(_path)


def open_ahead() -> None:
    """Open the bundles of this server and read the tables that every page uses."""
    for bundle_id, path in list(registry().items())[:MOST_OPEN]:
        try:
            bundle = _opened(bundle_id, path)
            _ = bundle.latents, bundle.clusters, bundle.memberships
        except InputError:
            continue


def bundle_picker() -> None:
    """Let the reader choose a bundle; end the page with the build command if there is none."""
    paths = registry()
    if not paths:
        st.error("There is no bundle to show yet. Build one from your saved SAE:")
        st.code(_BUILD, language="bash")
        st.stop()
    view = session.current()
    if not view.bundle:
        view = session.change(bundle=next(iter(paths)))
    if view.bundle in paths:
        st.session_state[_PICK] = view.bundle
    st.selectbox(
        "Bundle",
        list(paths),
        key=_PICK,
        format_func=lambda bundle_id: paths[bundle_id].name,
        on_change=_take,
        help=f"Clearwater searches `data`, `bundles` and the folders named in `{BUNDLES}`.",
    )


@guarded("doing what you asked for")
def _take() -> None:
    """Start a new view: another bundle has other latents and clusters."""
    session.clear_brushes()
    session.reset(bundle=st.session_state[_PICK])


def shown() -> Bundle:
    """The bundle of the view; end the page with the reason if it cannot be opened."""
    bundle_id = session.current().bundle
    path = registry().get(bundle_id)
    if path is None:
        st.error(
            f"This link refers to the bundle {plain(bundle_id, 40)}, which is not on this server. "
            "Choose another bundle in the sidebar."
        )
        st.stop()
    try:
        return _opened(bundle_id, path)
    except InputError as error:
        st.error(plain(str(error)))
        st.stop()


def clarke_components(bundle: Bundle) -> "Components":
    """The components of Clarke et al. 2024 among all latents that are not dense."""
    return _clarke_components(bundle.manifest.bundle_id, bundle)


@st.cache_data(show_spinner="Searching for the Jaccard threshold", max_entries=8)
def _clarke_components(bundle_id: str, _bundle: Bundle) -> "Components":
    # Imported here because scipy would delay the first page by a second.
    from analysis.clusters.communities import clarke_2024  # noqa: PLC0415

    flags = _bundle.latents["flag"].cast("string").to_numpy(zero_copy_only=False)
    return clarke_2024(
        _bundle.partners,
        _bundle.latents["active_tokens"].to_numpy(),
        eligible=np.asarray(flags != "dense"),
    )
