"""The start of a server skips a search that finds nothing; turns of threads are short meanwhile."""

import subprocess
import sys

import pytest
import streamlit as st
from streamlit import delta_generator, env_util
from streamlit.components.v2 import manifest_scanner
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.runtime.runtime import Runtime

from pages.server.quick_start import SHORT_TURN, ask_no_callers, discover_nothing, short_turns
from tests.conftest import ROOT


def test_a_start_does_not_search_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    searched: list[bool] = []

    def search() -> list[object]:
        searched.append(True)
        return []

    class Manager(BidiComponentManager):
        """Changed here in place of Streamlit's own."""

    monkeypatch.setattr(manifest_scanner, "scan_component_manifests", search)
    Manager().discover_and_register_components(start_file_watching=False)
    assert searched == [True]
    discover_nothing(Manager)
    Manager().discover_and_register_components(start_file_watching=False)
    Manager().discover_and_register_components()
    assert searched == [True]


def test_no_installed_package_brings_components() -> None:
    assert manifest_scanner.scan_component_manifests() == []


def test_the_runtime_searches_by_the_method_that_is_replaced() -> None:
    assert "discover_and_register_components" in Runtime.__init__.__code__.co_names


def test_turns_are_short_only_meanwhile() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(ZeroDivisionError), short_turns():
        assert sys.getswitchinterval() == pytest.approx(SHORT_TURN) and before > SHORT_TURN
        _ = 1 / 0
    assert sys.getswitchinterval() == before


def test_the_event_loop_imports_nothing_of_anyio_for_a_page() -> None:
    code = (
        "import sys; from pages.server.quick_start import LAZY, import_lazy_names\n"
        "before = set(sys.modules); import_lazy_names(); after = set(sys.modules)\n"
        "import anyio; anyio.create_task_group; anyio.open_file\n"
        "print(len(after - before) > 0, set(sys.modules) == after)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["True", "True"]


def test_the_first_element_does_not_look_at_its_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def is_repl() -> bool:
        looked.append("at callers")
        return False

    monkeypatch.setattr(env_util, "is_repl", is_repl)
    monkeypatch.setattr(delta_generator, "_use_warning_has_been_displayed", False)
    st.text("the first element")
    assert looked == ["at callers"]  # else this test would see nothing
    monkeypatch.setattr(delta_generator, "_use_warning_has_been_displayed", False)
    ask_no_callers()
    st.text("the first element")
    assert looked == ["at callers"]
