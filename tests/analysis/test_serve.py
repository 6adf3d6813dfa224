"""The dashboard can be started from any folder."""

import os
import sys
from pathlib import Path

import pytest

from analysis.runtime.errors import InputError
from analysis.serve import BUNDLES, command, dashboard_file, environment


def test_the_dashboard_and_its_theme_are_next_to_the_package() -> None:
    assert dashboard_file().is_file()
    assert (dashboard_file().parent / ".streamlit" / "config.toml").is_file()


def test_the_command_names_the_port_only_where_one_is_given() -> None:
    start = [sys.executable, "-m", "streamlit", "run", str(dashboard_file())]
    assert command(None, "127.0.0.1") == [*start, "--server.address", "127.0.0.1"]
    assert command(8600, "0.0.0.0") == [
        *start,
        *("--server.address", "0.0.0.0", "--server.port", "8600"),
    ]


def test_folders_come_before_those_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BUNDLES, "elsewhere")
    assert environment([])[BUNDLES] == "elsewhere"
    assert environment([tmp_path])[BUNDLES] == os.pathsep.join([str(tmp_path), "elsewhere"])
    monkeypatch.delenv(BUNDLES)
    assert BUNDLES not in environment([])
    assert environment([tmp_path])[BUNDLES] == str(tmp_path)


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        environment([tmp_path / "missing"])
