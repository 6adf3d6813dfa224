"""The bars of a profile against the rows of the bundle."""

import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.labels.profiles.main_values import Kind, profile_of
from analysis.runtime.errors import InputError
from charts import document_profile as module
from charts.document_profile import document_profile
from tests.charts.conftest import with_tables
from tests.charts.drawn import drawn_rows, marks


@pytest.mark.parametrize(("kind", "unit"), [("latent", 20), ("cluster", 3)])
def test_bars_are_the_rows_of_the_profile(tiny: Bundle, kind: Kind, unit: int) -> None:
    figure = document_profile(tiny, kind, unit, "language")
    assert figure.rows.equals(profile_of(tiny, kind, unit, "language"))
    assert figure.rows.num_rows == 3
    assert figure.caption.unit == "document"
    assert figure.title == f"Where {kind} {unit} fires, by language"
    rows = drawn_rows(figure, "name", "text", "is_sure")
    q = figure.rows["q_value"].to_pylist()
    assert [row["is_sure"] for row in rows] == [one <= 0.05 for one in q]
    first = figure.rows.to_pylist()[0]
    assert rows[0]["text"].startswith(f"{100 * first['share']:.3g}")


def test_only_the_largest_values_are_drawn(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_VALUES", 2)
    figure = document_profile(tiny, "latent", 20, "language")
    every = profile_of(tiny, "latent", 20, "language")
    assert figure.rows.equals(every.slice(0, 2))
    assert (figure.note or "").endswith("Not drawn: 1 more value.")


def test_the_note_has_the_power_of_what_is_grey() -> None:
    def table(q: list[float], lift: list[float | None]) -> pa.Table:
        return pa.table({"q_value": q, "smallest_lift": pa.array(lift, pa.float32())})

    assert module._power(table([0.01, 0.05], [1.5, 2.5])) == ""
    shown = module._power(table([0.01, 0.06, 0.5], [9.0, 2.5, 1.5]))
    assert shown == (
        "The test detects a lift of 2.5 or more for every grey value, with a probability of at "
        "least 80\u00a0%."
    )
    assert "too few documents for the test to detect any lift" in module._power(
        table([0.2, 0.3], [1.5, None])
    )


def test_what_the_bundle_does_not_have(tiny: Bundle) -> None:
    empty = document_profile(tiny, "latent", 20, "class")
    assert empty.rows.num_rows == 0
    assert empty.note == "It is active on no document with a class."
    assert document_profile(with_tables(tiny, latent_profiles=None), "latent", 20, "x").note
    with pytest.raises(InputError, match="there is no latent 120"):
        document_profile(tiny, "latent", 120, "language")
    with pytest.raises(InputError, match="there is no cluster 99"):
        document_profile(tiny, "cluster", 99, "language")


def test_a_value_with_a_q_of_one_in_twenty_is_blue_and_the_axis_has_room_for_bars_and_ticks(
    tiny: Bundle,
) -> None:
    rows = profile_of(tiny, "latent", 20, "language")
    shares, corpus = [0.5, 0.3, 0.2], [0.1, 0.8, 0.1]
    for name, values in (
        ("q_value", [0.05, 0.0501, 0.01]),
        ("share", shares),
        ("of_corpus", corpus),
        ("lift", [2.5, 0.375, 1.0]),
    ):
        place = rows.column_names.index(name)
        field = rows.schema.field(name)
        rows = rows.set_column(place, field, pa.array(values, field.type))
    drawing = module._drawing(rows).to_dict()
    drawn = drawing["datasets"]["rows"]
    assert [row["is_sure"] for row in drawn] == [True, False, True]
    assert [row["text"] for row in drawn] == [
        f"{share}\u00a0%, {lift} ×" for share, lift in ((50, 2.5), (30, 0.375), (20, 1))
    ]
    ends = drawing["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert ends == pytest.approx([0, 1.45 * 0.8])
    assert "not drawn" not in (document_profile(tiny, "latent", 20, "language").note or "")


def test_the_share_of_the_corpus_is_a_tick(tiny: Bundle) -> None:
    assert marks(document_profile(tiny, "latent", 20, "language")) == [
        "bar: x share, y line, color accent if datum.is_sure else unselected",
        "tick: color highlight, x of_corpus, y line",
        "text: color quiet ink, x end, y line, text text, end = max(datum.share, datum.of_corpus)",
    ]
