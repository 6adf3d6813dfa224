"""The entry point: its imports and the paths of its files."""

import os
import subprocess
import sys
from pathlib import Path

from streamlit.web.server.app_discovery import discover_asgi_app

from analysis.bundle import Bundle
from tests.pages.conftest import ROOT


def test_the_dashboard_opens_without_the_libraries_of_the_analysis(
    planted_bundle: Bundle,
) -> None:
    probe = (
        "import sys, runpy; runpy.run_path('dashboard.py'); "
        "import charts.core.export, charts.map, charts.density, charts.health; "
        "from importlib import import_module; from pathlib import Path; "
        "from pages.server.imports import modules_of; "
        "[import_module(m) for page in ('overview', 'map') "
        "for m in modules_of(Path(f'pages/{page}.py'))]; "
        "print([m for m in ('torch', 'transformers', 'umap', 'numba', 'scipy', 'sklearn') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=ROOT,
        env=os.environ | {"CLEARWATER_BUNDLES": str(planted_bundle.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_the_theme_and_the_pages_are_found_from_any_folder_and_a_run_takes_a_turn(
    planted_bundle: Bundle, tmp_path: Path
) -> None:
    probe = (
        "import sys; from streamlit import config; from streamlit.testing.v1 import AppTest; "
        f"config._main_script_path = {str(ROOT / 'dashboard.py')!r}; "
        "config.get_config_options(force_reparse=True); "
        "print(config.get_option('theme.light.primaryColor')); "
        "from pages.widgets.turns import Turns; turn, begun = Turns.turn, []; "
        "Turns.turn = lambda *of, **more: (begun.append(of), turn(*of, **more))[1]; "
        f"app = AppTest.from_file({str(ROOT / 'dashboard.py')!r}, default_timeout=60).run(); "
        "print(len(app.exception), app.title[0].value, len(begun))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe],
        cwd=tmp_path,
        env=os.environ | {"CLEARWATER_BUNDLES": str(planted_bundle.path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:2] == ["#1f6fb2", "0 Overview 1"]


def test_streamlit_finds_the_server_object_which_imports_nothing_of_the_pages() -> None:
    assert discover_asgi_app(ROOT / "dashboard.py").import_string == "dashboard:app"
    probe = (
        "import sys, dashboard; print(dashboard.app.script_path.name, "
        "[m for m in sys.modules if m.startswith(('pages.widgets', 'charts', 'pyarrow'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "dashboard.py []"
