"""The available bundles and the bundle of the view."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import streamlit as st

from analysis.bundle import MANIFEST, Bundle, folder_identity, open_bundle, read_manifest
from analysis.runtime.errors import InputError
from analysis.selection.text_search import index_of_words
from analysis.serve import BUNDLES, bundle_folders
from analysis.serve.access.rights import BundleKey, User, may
from analysis.serve.server_settings import server_settings
from pages.widgets import session
from pages.widgets.current_user import current_user
from pages.widgets.failures import guarded
from pages.widgets.markdown import plain
from pages.widgets.open_bundles import OpenBundles

BUILD_COMMAND = "clearwater build --sae DIR --model NAME --corpus FILE --out bundles/mine"
_PICK = "pick bundle"
_STATED_ID = re.compile(rb'"bundle_id":\s*"([0-9a-f]{1,64})"')
_HEAD_BYTES = 4096
"""Bytes at the beginning of a manifest, among which is the id."""
MOST_AHEAD = 8
"""Bundles that are opened at the start of a server process."""
OPEN = OpenBundles(lambda: server_settings().bundle_memory * 1_000_000)
"""Those of this process."""


@dataclass(frozen=True)
class Offered:
    """A folder that holds a bundle, or what is left of one."""

    path: Path
    identity: str
    """Which files it had when it was listed."""
    problem: str = ""
    """Why it cannot be read, for readers of the page; empty if its manifest is valid."""

    @property
    def name(self) -> str:
        """Its name in the list."""
        return f"{self.path.name} (cannot be read)" if self.problem else self.path.name


def offered_to(user: User | None) -> dict[str, Offered]:
    """The bundles of this server that a user may see, by their ids; a link opens only these."""
    return {
        bundle_id: offered
        for bundle_id, offered in registry().items()
        if may(user, BundleKey(bundle_id, offered.path.name), "see")
    }


@st.cache_data(ttl=20, show_spinner=False)
def registry() -> dict[str, Offered]:
    """Every bundle of this server by its id, for whoever it is.

    A bundle that cannot be read is listed too, by the id that its manifest states or by its name.
    """
    entries = [_offered(path) for folder in bundle_folders() for path in _bundles_in(folder)]
    bundles: dict[str, Offered] = {}
    for bundle_id, offered in sorted(entries, key=lambda entry: bool(entry[1].problem)):
        bundles.setdefault(bundle_id, offered)
    return bundles


def registry_size() -> tuple[int, int]:
    """How many bundles this server has, and how many of them cannot be read."""
    bundles = registry().values()
    return len(bundles), sum(bool(one.problem) for one in bundles)


def _bundles_in(folder: Path) -> list[Path]:
    """Folders with a manifest, or with a table of latents that has lost its manifest."""
    names = (MANIFEST, "latents.parquet")
    places = (*names, *(f"*/{name}" for name in names))
    return sorted({file.parent for place in places for file in folder.glob(place)})


def _offered(path: Path) -> tuple[str, Offered]:
    identity = folder_identity(path)
    try:
        return read_manifest(path).bundle_id, Offered(path, identity)
    except InputError as error:
        return _stated_id(path) or path.name, Offered(path, identity, error.public)


def _stated_id(path: Path) -> str:
    """The id in a manifest that cannot be read as a whole; empty if there is none."""
    try:
        with (path / MANIFEST).open("rb") as file:
            stated = _STATED_ID.search(file.read(_HEAD_BYTES))
    except OSError:
        return ""
    return stated[1].decode() if stated else ""


def _current(bundle_id: str, user: User | None) -> Offered | None:
    """The bundle of an id as its folder is now.

    None if this server does not have it, and if this user may not see it: nobody can tell these
    apart.
    """
    offered = registry().get(bundle_id)
    if offered is None or folder_identity(offered.path) != offered.identity:
        registry.clear()
        offered = registry().get(bundle_id)
    if offered is None or not may(user, BundleKey(bundle_id, offered.path.name), "see"):
        return None
    return offered


def _opened(offered: Offered) -> Bundle:
    """An open bundle; with other files its folder has another identity, and is opened again."""
    return OPEN.get(offered.identity, lambda: open_bundle(offered.path))


def data_address(bundle_id: str, bundle: Bundle) -> str:
    """The address of the data of a bundle, relative to the dashboard; it changes with the files."""
    return f"map-data/{quote(bundle_id, safe='')}/{bundle.identity}"


def offered_bundle(bundle_id: str, user: User | None) -> Bundle | None:
    """An open bundle by its id; None if this server has none that this user may see.

    Raises InputError if it cannot be read.
    """
    offered = _current(bundle_id, user)
    return None if offered is None else _opened(offered)


def open_ahead() -> list[Bundle]:
    """Open the bundles of this server and read the tables that every page uses."""
    opened = []
    for offered in list(registry().values())[:MOST_AHEAD]:
        try:
            bundle = _opened(offered)
            _ = bundle.latents, bundle.clusters, bundle.memberships
        except InputError:
            continue
        opened.append(bundle)
    return opened


def index_ahead(bundles: Sequence[Bundle]) -> None:
    """Index the words of the first bundle if it has so many latents that a search waits for it."""
    for bundle in bundles[:1]:
        with suppress(InputError):
            index_of_words(bundle)


def bundle_picker() -> None:
    """Let the reader choose a bundle; end the page with the build command if there is none."""
    user = current_user()
    bundles = offered_to(user)
    if not bundles:
        registry.clear()
        bundles = offered_to(user)
    if not bundles and registry():
        st.error("There is no bundle that you may see; ask the operator of this server.")
        st.stop()
    if not bundles:
        st.error("There is no bundle to show yet. Build one from your saved SAE:")
        st.code(BUILD_COMMAND, language="bash")
        st.stop()
    view = session.current()
    if not view.bundle:
        view = session.note(bundle=next(iter(bundles)))
    if view.bundle in bundles:
        st.session_state[_PICK] = view.bundle
    st.selectbox(
        "Bundle",
        list(bundles),
        key=_PICK,
        format_func=lambda bundle_id: _name(bundles, bundle_id),
        on_change=_take,
        help=f"Clearwater searches `data`, `bundles` and the folders named in `{BUNDLES}`.",
    )


def _name(bundles: Mapping[str, Offered], bundle_id: str) -> str:
    """The name of a bundle, or its id if it has been removed."""
    offered = bundles.get(bundle_id)
    return bundle_id if offered is None else offered.name


@guarded()
def _take() -> None:
    open_another(st.session_state[_PICK])


@guarded()
def open_another(bundle_id: str) -> None:
    """Start a new view: another bundle has other latents and clusters."""
    session.clear_brushes()
    session.reset(bundle=bundle_id)


def shown() -> Bundle:
    """The bundle of the view; end the page with the reason if it cannot be opened."""
    bundle_id = session.current().bundle
    user = current_user()
    offered = _current(bundle_id, user)
    if offered is None:
        st.error(
            f"This link refers to the bundle {plain(bundle_id, 40)}, which is not on this server. "
            f"Choose another bundle in the sidebar.{_unread(user)}"
        )
        st.stop()
    try:
        return _opened(offered)
    except InputError as error:
        name = plain(offered.path.name, 60)
        st.error(f"The bundle {name} cannot be read. {plain(error.public, 1000)}")
        st.stop()


def _unread(user: User | None) -> str:
    """The bundles that cannot be read and whose ids are unknown: a link may refer to one."""
    bundles = offered_to(user).items()
    unread = [b for bundle_id, b in bundles if b.problem and bundle_id == b.path.name]
    sentences = [f" {plain(b.path.name, 60)} cannot be read: {plain(b.problem)}" for b in unread]
    return "".join(sentences[:3])
