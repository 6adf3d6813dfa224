"""The entry point: what it loads and where it finds its files."""

import os
import subprocess
import sys

from analysis.bundle import Bundle
from tests.pages.conftest import ROOT


def test_the_dashboard_opens_without_the_libraries_of_the_analysis(
    planted_bundle: Bundle,
) -> None:
    probe = (
        "import sys, runpy; runpy.run_path('dashboard.py'); "
        "import charts.core.export, charts.map, charts.density, charts.health; "
        "print([m for m in ('torch', 'transformers', 'umap', 'numba', 'sklearn') "
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
