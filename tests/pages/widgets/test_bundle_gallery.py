"""The cards of the bundles on the Overview."""

import shutil
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import MANIFEST, Bundle, read_manifest
from analysis.runtime import numbers
from analysis.serve.access.rights import Action, Grant, User
from pages.widgets import bundle_gallery
from pages.widgets.bundles import Offered
from tests.pages.conftest import ROOT, Open, texts

OLDER = ROOT / "tests" / "bundles" / "schema-2"


@pytest.fixture
def several(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Bundle, Path]:
    """A server with the planted bundle, one with a damaged map, and one without a manifest."""
    shutil.copytree(planted_bundle.path, tmp_path / "mine")
    for name in ("$damaged$", "no-manifest"):
        (tmp_path / name).mkdir()
        shutil.copy(planted_bundle.path / "latents.parquet", tmp_path / name)
    (tmp_path / "$damaged$" / MANIFEST).write_text("{}")
    monkeypatch.setattr("pages.widgets.bundles.bundle_folders", lambda: [tmp_path])
    st.cache_data.clear()
    return planted_bundle, tmp_path


def opened() -> AppTest:
    """The Overview with the list opened."""
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60)
    app.session_state["bundle gallery"] = True
    return app.run()


def test_there_are_only_cards_of_bundles_that_the_reader_may_see(
    several: tuple[Bundle, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(OLDER, several[1] / "older")
    see = frozenset[Action]({"see"})
    user = User("ada", "reader", (Grant("mine", see), Grant("older", see)))
    monkeypatch.setattr(bundle_gallery, "current_user", lambda: user)
    st.cache_data.clear()
    app = opened()
    assert "2 bundles on this server" in [expander.label for expander in app.expander]
    shown = texts(app)
    assert "**mine**" in shown and "**older**" in shown
    assert "no-manifest" not in shown and "damaged" not in shown


def test_every_bundle_has_a_card_with_its_facts_or_the_reason(
    several: tuple[Bundle, Path],
) -> None:
    bundle, folder = several
    app = opened()
    assert not app.exception and not app.error
    shown = texts(app)
    manifest = bundle.manifest
    for words in (
        f"SAE {manifest.sae.name}",
        "Imported activations",
        f"{numbers.count(manifest.sae.d_sae)} latents, {numbers.count(manifest.tokens)} tokens",
        f"schema {manifest.schema_version}",
        "has no manifest.json",
        "**no-manifest**",
        "**$damaged$**",
    ):
        assert words in shown, words
    assert shown.count("It cannot be read.") == 2
    assert str(folder) not in shown
    assert len(app.get("image")) == 1
    assert any(code.value.startswith("clearwater build") for code in app.code)
    assert [button.label for button in app.button].count("Open now") == 1


def test_a_card_opens_its_bundle(several: tuple[Bundle, Path]) -> None:
    bundle, folder = several
    shutil.copytree(OLDER, folder / "older")
    st.cache_data.clear()
    other = read_manifest(OLDER).bundle_id
    app = opened()
    first = app.query_params["bundle"]
    chosen = other if first == bundle.manifest.bundle_id else bundle.manifest.bundle_id
    app.button(key=f"open bundle {chosen}").click().run()
    assert app.query_params["bundle"] == chosen != first
    assert app.button(key=f"open bundle {chosen}").disabled


def test_one_bundle_needs_no_gallery(open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.widgets.bundle_gallery.offered_to", lambda _: {"a": object()})
    assert "bundles on this server" not in str(open_page("overview").expander)


@pytest.mark.parametrize(("bundles", "rest"), [(4, []), (6, ["2 more are in the list"])])
def test_of_many_bundles_the_first_have_cards(
    monkeypatch: pytest.MonkeyPatch, bundles: int, rest: list[str]
) -> None:
    cards: list[str] = []
    captions: list[str] = []
    monkeypatch.setattr(bundle_gallery, "MOST_CARDS", 4)
    monkeypatch.setattr(bundle_gallery, "_card", lambda bundle_id, _: cards.append(bundle_id))
    monkeypatch.setattr(st, "caption", lambda text: captions.append(text[:22]))
    offered = [(str(i), Offered(Path(str(i)), str(i))) for i in range(bundles)]
    bundle_gallery._cards(offered)
    assert (cards, captions) == (["0", "1", "2", "3"], rest)
