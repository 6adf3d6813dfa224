"""Start the dashboard from any folder, including when Clearwater is installed as a package.

Streamlit replaces this process. It is not imported here: analysis does not depend on it.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from analysis.runtime.errors import InputError

BUNDLES = "CLEARWATER_BUNDLES"
"""Environment variable that names the folders in which the dashboard looks for bundles."""


def dashboard_file() -> Path:
    """`dashboard.py`, next to the package both in a checkout and in an installation.

    Streamlit reads `.streamlit/config.toml` next to it, so the theme is the same everywhere.
    """
    return Path(__file__).resolve().parents[1] / "dashboard.py"


def command(port: int | None, address: str) -> list[str]:
    """The command line that starts the dashboard; without a port Streamlit takes the first free."""
    chosen = [] if port is None else ["--server.port", str(port)]
    return [
        *(sys.executable, "-m", "streamlit", "run", str(dashboard_file())),
        *("--server.address", address, *chosen),
    ]


def environment(folders: Sequence[Path]) -> dict[str, str]:
    """The environment of the dashboard: `folders` come before those already in the environment.

    Raises InputError if a folder does not exist.
    """
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder; give a folder of bundles.")
    named = os.environ.get(BUNDLES, "")
    paths = [*(str(folder.resolve()) for folder in folders), *([named] if named else [])]
    return os.environ | ({BUNDLES: os.pathsep.join(paths)} if paths else {})


def serve(folders: Sequence[Path], port: int | None, address: str) -> NoReturn:
    """Replace this process by the dashboard. Raises InputError as `environment` does."""
    arguments = command(port, address)
    os.execve(arguments[0], arguments, environment(folders))
