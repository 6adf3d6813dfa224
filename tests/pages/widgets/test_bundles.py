"""Only bundles of this server are opened."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import MANIFEST, Bundle
from analysis.runtime.errors import InputError
from analysis.serve.access.rights import LOCAL, Action, Grant, User
from pages.widgets import bundles
from pages.widgets.bundles import registry
from pages.widgets.open_bundles import OpenBundles
from tests.pages.conftest import ROOT, Open, charts, texts


def test_a_link_to_an_unknown_bundle_is_refused_with_one_sentence(open_page: Open) -> None:
    app = open_page("overview", bundle="../../etc/passwd")
    assert not app.exception
    assert "is not on this server" in app.error[0].value
    assert not charts(app)


def test_without_any_bundle_the_command_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.widgets.bundles.bundle_folders", lambda: [tmp_path])
    st.cache_data.clear()
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60).run()
    assert "There is no bundle" in app.error[0].value
    assert app.code[0].value.startswith("clearwater build")


@pytest.fixture
def server(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Callable[[], AppTest]]:
    """A folder with the bundle `mine`, and a function that opens the link to it."""
    shutil.copytree(planted_bundle.path, tmp_path / "mine")
    monkeypatch.setattr("pages.widgets.bundles.bundle_folders", lambda: [tmp_path])
    st.cache_data.clear()

    def open_link() -> AppTest:
        app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60)
        app.query_params["bundle"] = planted_bundle.manifest.bundle_id
        return app.run()

    return tmp_path, open_link


def refused(app: AppTest) -> str:
    """The one sentence of a page that shows no bundle."""
    assert not app.exception and not charts(app)
    (error,) = app.error
    return error.value.replace("\\", "")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / MANIFEST).write_bytes(b""), "manifest.json: is not a readable"),
        (lambda folder: (folder / MANIFEST).unlink(), "has no manifest.json"),
        (lambda folder: (folder / "logits.parquet").unlink(), "logits.parquet: is missing"),
    ],
)
def test_a_bundle_that_cannot_be_read_stays_in_the_list(
    server: tuple[Path, Callable[[], AppTest]], damage: Callable[[Path], None], reason: str
) -> None:
    folder, _ = server
    damage(folder / "mine")
    app = AppTest.from_file(str(ROOT / "dashboard.py"), default_timeout=60).run()
    text = refused(app)
    assert text.startswith("The bundle mine cannot be read. ") and reason in text
    assert str(folder) not in text
    assert app.selectbox[0].options[0].startswith("mine")


def test_the_link_to_a_damaged_manifest_gives_the_reason(
    server: tuple[Path, Callable[[], AppTest]],
) -> None:
    folder, open_link = server
    manifest = folder / "mine" / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-400])
    assert "manifest.json: is not a readable manifest" in refused(open_link())
    assert next(iter(registry().values())).name == "mine (cannot be read)"


def test_a_bundle_is_followed_when_its_folder_is_renamed(
    server: tuple[Path, Callable[[], AppTest]],
) -> None:
    folder, open_link = server
    assert charts(open_link())
    (folder / "mine").rename(folder / "yours")
    app = open_link()
    assert not app.error and "yours" in texts(app)


def test_a_bundle_that_was_removed_or_replaced_is_not_shown_from_memory(
    server: tuple[Path, Callable[[], AppTest]],
) -> None:
    folder, open_link = server
    app = open_link()
    assert charts(app)
    (folder / "mine" / "latents.parquet").write_bytes(b"PAR1 other bytes")
    assert "latents.parquet: is not a readable Parquet file" in refused(app.run())
    shutil.rmtree(folder / "mine")
    assert "is not on this server" in refused(app.run())
    shutil.copytree(ROOT / "tests" / "bundles" / "schema-2", folder / "mine")
    assert "is not on this server" in refused(app.run())
    assert len(registry()) == 1


def test_a_page_that_is_damaged_is_named_and_other_pages_work(
    server: tuple[Path, Callable[[], AppTest]],
) -> None:
    folder, open_link = server
    file = folder / "mine" / "neighbours.parquet"
    content = bytearray(file.read_bytes())
    content[200:232] = bytes(32)
    file.write_bytes(content)
    app = open_link()
    assert not app.error and charts(app)
    app.switch_page("pages/latent.py").run()
    assert not app.exception
    assert "neighbours.parquet: " in app.error[0].value.replace("\\", "")


def test_a_link_whose_bundle_has_lost_its_manifest_names_what_cannot_be_read(
    server: tuple[Path, Callable[[], AppTest]],
) -> None:
    folder, open_link = server
    (folder / "mine" / MANIFEST).write_bytes(bytes(5_000))
    text = refused(open_link())
    assert "is not on this server" in text
    assert "mine cannot be read: manifest.json: is not a readable manifest" in text


def test_a_bundle_that_can_be_read_comes_before_others_with_its_id(
    server: tuple[Path, Callable[[], AppTest]],
) -> None:
    folder, open_link = server
    shutil.copytree(folder / "mine", folder / "damaged")
    manifest = folder / "damaged" / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-400])  # its id can still be read
    for name in ("empty", "void"):
        (folder / name).mkdir()
        (folder / name / MANIFEST).touch()
    names = ["mine", "empty (cannot be read)", "void (cannot be read)"]
    assert [one.name for one in registry().values()] == names
    assert bundles.registry_size() == (3, 2)
    assert charts(open_link())


def test_a_link_to_no_bundle_names_three_that_cannot_be_read_to_who_may_see_them(
    server: tuple[Path, Callable[[], AppTest]],
) -> None:
    folder, _ = server
    manifest = folder / "mine" / MANIFEST
    manifest.write_bytes(manifest.read_bytes()[:-400])
    for name in "abcd":
        (folder / name).mkdir()
        (folder / name / MANIFEST).touch()
    sentences = bundles._unread(LOCAL)
    assert [f" {name} cannot be read: " in sentences for name in "abcd"] == [True] * 3 + [False]
    see = frozenset[Action]({"see"})
    reader = User("ann", "reader", (Grant("b", see), Grant("mine", see)))
    only = bundles._unread(reader)  # a link to the other one has its id
    assert only.startswith(" b cannot be read: ") and only.count("cannot be read") == 1
    assert bundles._unread(None) == ""


def test_the_first_bundles_are_opened_ahead_and_the_words_of_the_first_are_indexed(
    server: tuple[Path, Callable[[], AppTest]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = server
    for name in ("schema-2", "schema-3"):
        shutil.copytree(ROOT / "tests" / "bundles" / name, folder / name)
    (folder / "mine" / "latents.parquet").write_bytes(b"PAR1 other bytes")
    monkeypatch.setattr(bundles, "OPEN", OpenBundles(lambda: 10**9))
    monkeypatch.setattr(bundles, "MOST_AHEAD", 2)
    opened = bundles.open_ahead()
    assert [one.path.name for one in opened] == ["schema-2"]  # the first one cannot be read
    assert {"latents", "clusters", "memberships"} <= vars(opened[0]).keys()
    indexed: list[str] = []

    def index(bundle: Bundle) -> None:
        indexed.append(bundle.path.name)
        raise InputError("there is no room for it")

    monkeypatch.setattr(bundles, "index_of_words", index)
    bundles.index_ahead([opened[0], opened[0]])
    bundles.index_ahead([])
    assert indexed == ["schema-2"]


def _another(bundle_id: str) -> None:
    import streamlit as st  # noqa: PLC0415

    from pages.widgets import bundles, session  # noqa: PLC0415

    st.session_state[session.chart_key("drawn")] = {"selection": {"box": {"x": [0, 1]}}}
    bundles.open_another(bundle_id)
    st.markdown(str(session.generation("drawn")))


def test_another_bundle_begins_with_a_new_view() -> None:
    app = AppTest.from_function(_another, args=("1a2b",))
    for name, value in {
        "bundle": "3c",
        "select": "latent=3",
        "latent": "3",
        "measure": "lift",
    }.items():
        app.query_params[name] = value
    app.run()
    assert app.markdown[0].value == "1"  # what was drawn in a chart is cleared
    assert app.query_params == {"bundle": "1a2b", "measure": "lift"}


def test_the_address_of_data_names_bundle_and_files(planted_bundle: Bundle) -> None:
    address = bundles.data_address("a/b?c", planted_bundle)
    assert address == f"map-data/a%2Fb%3Fc/{planted_bundle.identity}"
