"""Exported files say what made them; made again, they have the same rows, or it is said how not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts.contexts import context_strips
from charts.core.export import Kind, export, filename
from charts.core.figure import CaptionedTable, Figure
from charts.core.provenance import provenance_of, read_provenance
from charts.health import flag_counts
from charts.latent import latent_partners
from charts.profile_bars import profile_bars
from charts.reproduction import find_bundle, made_again, reproduce
from tests.charts.conftest import make_bundle
from tests.charts.core.test_export import every_figure

MASK = np.arange(120) % 3 == 0


def write(figure: CaptionedTable, folder: Path, kind: Kind = "parquet") -> Path:
    file = folder / filename(figure, kind)
    file.write_bytes(export(figure, kind))
    return file


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same latents with other labels, densities and activations."""
    return make_bundle(tmp_path_factory.mktemp("other"), seed=8)


def test_every_figure_has_the_same_rows(tiny: Bundle, tmp_path: Path) -> None:
    names = set()
    for figure in every_figure(tiny):
        if figure.name.startswith("selection-"):  # made of tables that the test wrote
            continue
        file = write(figure, tmp_path)
        made = reproduce(file, folders=[tmp_path / "none", tiny.path.parent])
        assert made.difference == "" and made.bundle.path == tiny.path, figure.name
        assert made.figure.rows.equals(figure.rows), figure.name
        assert made.figure.title == figure.title
        assert made.sentence.startswith(f"Same rows: all {figure.rows.num_rows:,} rows of “")
        names.add(made.provenance.function)
    assert len(names) >= 25


@pytest.mark.parametrize("kind", ["csv", "spreadsheet", "csv-metadata", "svg", "html", "png"])
def test_every_kind_of_file_can_be_made_again(tiny: Bundle, tmp_path: Path, kind: Kind) -> None:
    figure = flag_counts(tiny, MASK).of_selection("latent=3")
    write(figure, tmp_path, "csv-metadata")
    made = reproduce(write(figure, tmp_path, kind), tiny.path)
    assert made.difference == "" and made.figure.caption == figure.caption


def test_a_dark_figure_of_a_selection_is_made_again(tiny: Bundle, tmp_path: Path) -> None:
    figure = latent_partners(tiny, 20).of_selection("latent=1").in_scheme("dark")
    made = reproduce(write(figure, tmp_path), tiny.path).figure
    assert isinstance(made, Figure) and made.scheme == "dark"
    assert made.texts == figure.texts and made.rows.equals(figure.rows)


@pytest.mark.parametrize("kind", ["parquet", "csv", "spreadsheet", "csv-metadata"])
def test_another_bundle_gives_the_difference(
    tiny: Bundle, other: Bundle, tmp_path: Path, kind: Kind
) -> None:
    figure = latent_partners(tiny, 20)
    write(figure, tmp_path, "csv-metadata")
    made = reproduce(write(figure, tmp_path, kind), other.path)
    assert made.difference
    assert made.sentence.startswith(
        "Not the same rows of “Latents that fire with latent 20, by phi”"
    )
    source = tiny.manifest.bundle_id
    assert made.sentence.endswith(
        f" The file was exported from bundle {source}, not from this one."
    )


def changed(figure: CaptionedTable, name: str, row: int, value: object) -> CaptionedTable:
    column = figure.rows[name]
    values = column.to_pylist()
    values[row] = value
    place = figure.rows.column_names.index(name)
    rows = figure.rows.set_column(place, figure.rows.field(name), pa.array(values, column.type))
    return replace(figure, rows=rows)


def difference(figure: CaptionedTable, folder: Path, kind: Kind, bundle: Bundle) -> str:
    write(figure, folder, "csv-metadata")
    return reproduce(write(figure, folder, kind), bundle.path).difference


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_the_first_other_value_is_named(tiny: Bundle, tmp_path: Path, kind: Kind) -> None:
    figure = flag_counts(tiny)
    name = next(n for n in figure.rows.column_names if pa.types.is_integer(figure.rows[n].type))
    old = figure.rows[name][2].as_py()
    text = difference(changed(figure, name, 2, old + 7), tmp_path, kind, tiny)
    rows = figure.rows.num_rows
    assert text == (
        f"column {name} differs in 1 of {rows} rows; in row 2, counted from 0, the file has "
        f"{old + 7} and the figure now has {old}."
    )


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize(("factor", "same"), [(1 + 5e-6, True), (1 + 2e-5, False)])
def test_rounding_is_no_difference(
    tiny: Bundle, tmp_path: Path, kind: Kind, factor: float, same: bool
) -> None:
    figure = latent_partners(tiny, 20)
    value = figure.rows["phi"][1].as_py()
    text = difference(changed(figure, "phi", 1, value * factor), tmp_path, kind, tiny)
    assert (text == "") == same


@pytest.mark.parametrize("kind", ["parquet", "csv", "svg"])
def test_other_rows_and_columns_are_named(tiny: Bundle, tmp_path: Path, kind: Kind) -> None:
    figure = flag_counts(tiny)
    rows = figure.rows.num_rows
    fewer = replace(figure, rows=figure.rows.slice(1))
    assert difference(fewer, tmp_path, kind, tiny) == (
        f"the file has {rows - 1} rows, the figure now has {rows}."
    )
    first = figure.rows.column_names[0]
    without = replace(figure, rows=figure.rows.drop_columns([first]))
    assert difference(without, tmp_path, kind, tiny) == f"the figure now has column {first} too."
    more = replace(figure, rows=figure.rows.append_column("new", pa.array(range(rows))))
    text = difference(more, tmp_path, kind, tiny)
    assert text == "the file has column new, which the figure no longer has."


def test_a_picture_names_the_columns_with_other_values(tiny: Bundle, tmp_path: Path) -> None:
    figure = context_strips(tiny, 20)
    other = changed(changed(figure, "token", 0, "other"), "activation", 3, 99.0)
    assert difference(other, tmp_path, "svg", tiny) == (
        "the values of columns token, activation differ."
    )


def test_a_bundle_is_found_by_its_id(tiny: Bundle, other: Bundle, tmp_path: Path) -> None:
    made = provenance_of(flag_counts(tiny))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "manifest.json").write_text("{")
    folders = [tmp_path, other.path.parent, tiny.path.parent]
    assert find_bundle(Path("a.png"), made, folders) == tiny.path
    assert find_bundle(Path("a.png"), made, [tiny.path]) == tiny.path
    with pytest.raises(InputError, match=r"a\.png: its bundle tiny \(.*\) is not in .*--bundle"):
        find_bundle(Path("a.png"), made, folders[:2])


def test_files_that_cannot_be_made_again(tiny: Bundle, tmp_path: Path) -> None:
    own = replace(flag_counts(tiny), call=None)
    with pytest.raises(InputError, match="not made by a function of Clearwater"):
        reproduce(write(own, tmp_path), tiny.path)
    file = write(flag_counts(tiny), tmp_path, "csv")
    with pytest.raises(InputError, match=r"its side file .*-metadata\.json is not beside it"):
        reproduce(file, tiny.path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "plain.parquet")
    with pytest.raises(InputError, match=r"plain\.parquet: has no provenance"):
        reproduce(tmp_path / "plain.parquet", tiny.path)


def test_a_figure_that_the_bundle_cannot_give_is_refused(tiny: Bundle) -> None:
    made = provenance_of(latent_partners(tiny, 20))
    with pytest.raises(InputError, match="there is no latent 5000"):
        made_again(tiny, made.model_copy(update={"arguments": {"latent": 5000}}))


def test_a_profile_is_computed_again_from_the_mask(planted_bundle: Bundle, tmp_path: Path) -> None:
    mask = np.arange(planted_bundle.latents.num_rows) < 30
    for part in ("terms", "label_words", "partners", "clusters"):
        figure = profile_bars(planted_bundle, mask, part)
        made = reproduce(write(figure, tmp_path), planted_bundle.path)
        assert made.difference == "" and figure.rows.num_rows, part
    stored = json.loads(read_provenance(tmp_path / filename(figure, "parquet")).model_dump_json())
    assert set(stored["arguments"]) == {"mask", "part"}
