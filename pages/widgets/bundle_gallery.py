"""The bundles of this server as cards, and the command that makes another one."""

from datetime import UTC, datetime
from pathlib import Path

import streamlit as st

from analysis.bundle import MANIFEST, read_manifest
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from charts.map_thumbnail import map_thumbnail
from pages.widgets import session
from pages.widgets.bundles import BUILD_COMMAND, Offered, offered_to, open_another
from pages.widgets.current_user import current_user
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain

COLUMNS = 3
MOST_CARDS = 24
"""Of a server with more bundles; the picker in the sidebar has all."""
_LONGEST = 400
_MEGABYTE = 1e6


def bundle_gallery() -> None:
    """The cards of the bundles that the reader may see, read once they open the list.

    Nothing if there is one bundle.
    """
    bundles = offered_to(current_user())
    if len(bundles) < 2:
        return
    gallery = st.expander(
        f"{numbers.count(len(bundles))} bundles on this server",
        key="bundle gallery",
        icon=":material/photo_library:",
        on_change="rerun",
    )
    if gallery.open:
        with gallery, guarded("listing the bundles"):
            _cards(list(bundles.items()))
            st.caption("Another analysis:")
            st.code(BUILD_COMMAND, language="bash")


def _cards(bundles: list[tuple[str, Offered]]) -> None:
    for first in range(0, min(len(bundles), MOST_CARDS), COLUMNS):
        columns = st.columns(COLUMNS)
        row = bundles[first : min(first + COLUMNS, MOST_CARDS)]
        for column, (bundle_id, offered) in zip(columns, row, strict=False):
            with column, st.container(border=True, height="stretch"):
                _card(bundle_id, offered)
    if len(bundles) > MOST_CARDS:
        rest = numbers.count(len(bundles) - MOST_CARDS)
        st.caption(f"{rest} more are in the list at the left side.")


def _card(bundle_id: str, offered: Offered) -> None:
    st.markdown(f"**{plain(offered.path.name, 60)}**")
    if offered.problem:
        st.markdown(f":red[It cannot be read.] {plain(offered.problem, _LONGEST)}")
        return
    try:
        facts, picture = _read(bundle_id, offered.identity, offered.path)
    except InputError as error:
        st.markdown(f":red[It cannot be read.] {plain(error.public, _LONGEST)}")
        return
    st.image(picture, width="stretch", alt=f"Map of the latents of {offered.path.name[:60]}")
    st.caption("  \n".join(plain(fact, _LONGEST) for fact in facts))
    is_open = bundle_id == session.current().bundle
    st.button(
        "Open now" if is_open else "Open",
        key=f"open bundle {bundle_id}",
        disabled=is_open,
        on_click=open_another,
        args=(bundle_id,),
    )


@st.cache_data(show_spinner=False, max_entries=64)
def _read(bundle_id: str, identity: str, _path: Path) -> tuple[list[str], bytes]:
    """What a card says and shows. Raises InputError if the bundle cannot be read."""
    manifest = read_manifest(_path)
    sae, model = manifest.sae, manifest.model
    size = sum(file.stat().st_size for file in _path.iterdir() if file.is_file())
    written = datetime.fromtimestamp((_path / MANIFEST).stat().st_mtime, UTC)
    facts = [
        f"SAE {sae.name}",
        f"Model {model.name}" if model else "Imported activations",
        f"{numbers.count(sae.d_sae)} latents, {numbers.count(manifest.tokens)} tokens of "
        f"{numbers.count(manifest.documents)} documents",
        f"{written:%Y-%m-%d}, {numbers.short(size / _MEGABYTE)} MB, schema "
        f"{manifest.schema_version}",
    ]
    return facts, map_thumbnail(_path / "latents.parquet")
