"""The clusters inside a selection as a figure that is made from the mask and the space."""

from pathlib import Path

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts.core.export import export
from charts.inner_clusters import clusters_in_job, clusters_inside_selection, named_clusters
from charts.reproduction import reproduce


def test_known_clusters_are_drawn_and_made_again(planted_bundle: Bundle, tmp_path: Path) -> None:
    mask = np.arange(planted_bundle.latents.num_rows) < 80
    known = named_clusters(planted_bundle, mask, "decoder")
    figure = clusters_inside_selection(planted_bundle, mask, "decoder", known)
    assert figure.rows["size"].to_pylist() == known.inner.clusters["size"].to_pylist()[:40]
    assert figure.rows["words"].to_pylist() == known.words[:40]
    assert figure.caption.parameters["latents"] == f"{known.inner.latents} of the selection"
    assert figure.call is not None and set(figure.call.arguments) == {"mask", "space"}
    (tmp_path / "a.parquet").write_bytes(export(figure, "parquet"))
    assert reproduce(tmp_path / "a.parquet", planted_bundle.path).difference == ""


def test_a_job_refuses_a_folder_whose_files_have_changed(planted_bundle: Bundle) -> None:
    mask = np.ones(planted_bundle.latents.num_rows, dtype=bool)
    with pytest.raises(InputError, match="has changed since the page was opened"):
        clusters_in_job(str(planted_bundle.path), "another", mask, "decoder")
