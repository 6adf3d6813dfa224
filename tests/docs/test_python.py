"""The notebook runs from top to bottom and shows its figures."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
FIGURES = 3
VEGA_LITE = "application/vnd.vegalite"


def test_the_notebook_runs_and_every_figure_shows_itself() -> None:
    notebook = nbformat.read(ROOT / "docs" / "python.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    shown = [
        key
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        for key in output.get("data", {})
        if key.startswith(VEGA_LITE)
    ]
    assert len(shown) == FIGURES


def test_the_notebook_is_stored_without_outputs() -> None:
    notebook = nbformat.read(ROOT / "docs" / "python.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
