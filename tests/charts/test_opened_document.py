"""The document of a context, against the tables of the bundle."""

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts import opened_document
from charts.core import cache
from charts.core.text import cells, shown_token
from charts.opened_document import document_strip, document_text, title_of_document
from charts.wrapped_text import COLUMNS, text_drawing, text_lines
from tests.charts.conftest import LENGTH
from tests.charts.drawn import domain_of, drawn_rows, marks

LATENT, DOCUMENT, POSITION = 20, 3, 40


def _activations(bundle: Bundle) -> dict[int, float]:
    """The activation at each position of the document."""
    tokens = bundle.tokens.to_pydict()
    rows, values = bundle.activations.of_latent(LATENT)
    return {
        tokens["position"][row]: value
        for row, value in zip(rows.tolist(), values.tolist(), strict=True)
        if tokens["document"][row] == DOCUMENT
    }


def test_a_bar_is_the_largest_activation_of_its_tokens(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _activations(tiny)
    assert len(expected) > 2
    rows = document_strip(tiny, LATENT, DOCUMENT, POSITION).rows.to_pylist()
    assert len(rows) == LENGTH
    for row in rows:
        assert row["activation"] == expected.get(row["position_from"], 0.0)
        assert row["position_to"] == row["position_from"] + 1
    monkeypatch.setattr(opened_document, "MOST_BARS", 20)
    wide = document_strip(tiny, LATENT, DOCUMENT, POSITION + 1).rows.to_pylist()
    assert len(wide) == -(-LENGTH // 7) <= 20
    for row in wide:
        inside = range(row["position_from"], row["position_to"])
        assert row["activation"] == max(expected.get(i, 0.0) for i in inside)


def test_the_last_token_of_a_document_has_its_activation(tiny: Bundle) -> None:
    kept = tiny.kept_tokens
    for document, end in zip(kept.documents.tolist(), kept.row_ends.tolist(), strict=True):
        latents, values = tiny.activations.of_token(end - 1)
        position = tiny.tokens["position"][end - 1].as_py()
        for latent, value in zip(latents.tolist(), values.tolist(), strict=True):
            rows = document_text(tiny, latent, document, position).rows
            assert rows["activation"][-1].as_py() == value > 0
        if len(latents):
            return
    raise AssertionError("no document ends with an active token")


def test_the_text_is_that_of_the_document_in_lines(tiny: Bundle) -> None:
    rows = document_text(tiny, LATENT, DOCUMENT, POSITION).rows.to_pandas()
    tokens = tiny.tokens.to_pandas().query(f"document == {DOCUMENT}")
    assert rows["token"].tolist() == tokens["token"].astype(str).tolist()
    assert rows["position"].tolist() == tokens["position"].tolist()
    expected = _activations(tiny)
    assert rows["activation"].tolist() == [expected.get(i, 0.0) for i in rows["position"]]
    assert rows["position"][rows["is_picked"]].tolist() == [POSITION]
    for _, line in rows.groupby("context"):
        assert line["start"].iloc[0] == 0 and line["end"].max() <= COLUMNS
        assert (line["start"].to_numpy()[1:] == line["end"].to_numpy()[:-1]).all()
    width = rows["end"] - rows["start"]
    assert width.tolist() == [max(cells(shown_token(token)), 1) for token in rows["token"]]


def test_only_the_text_around_the_token_is_shown(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened_document, "BEFORE", 5)
    monkeypatch.setattr(opened_document, "AFTER", 7)
    for position, shown in ((60, range(55, 68)), (0, range(8)), (129, range(124, 130))):
        rows = document_text(tiny, LATENT, DOCUMENT, position).rows
        assert rows["position"].to_pylist() == list(shown)


def test_the_strip_and_the_text_share_what_is_read(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache._results, "limit", cache.LIMIT)
    once = opened_document._document(tiny, LATENT, DOCUMENT)
    assert opened_document._document(tiny, LATENT, DOCUMENT) is once


def test_a_character_is_drawn_once_over_the_tokens_that_hold_it() -> None:
    values = np.zeros(4, dtype=np.float32)
    table = text_lines(["a", "⟨e4 bd⟩", "⟨a0⟩", "b"], np.arange(4), values, 1.0)
    assert table["start"].to_pylist() == [0, 1, 2, 3]
    table = table.append_column("is_picked", pa.array([False] * 4))
    (rows,) = text_drawing(table).to_dict()["datasets"].values()
    assert [row["drawn"] for row in rows] == ["a", "你", "", "b"]
    assert [row["shown"] for row in rows] == ["a", "你", "你", "b"]


def test_an_unknown_document_is_refused(tiny: Bundle) -> None:
    for figure in (document_strip, document_text):
        with pytest.raises(InputError, match="no document 99"):
            figure(tiny, LATENT, 99, 0)
    with pytest.raises(InputError, match="no document 99"):
        title_of_document(tiny, 99)
    assert title_of_document(tiny, DOCUMENT)


def test_the_place_of_the_context_is_marked(tiny: Bundle) -> None:
    (mark,) = drawn_rows(document_strip(tiny, LATENT, DOCUMENT, POSITION), "at")
    assert mark["at"] == POSITION + 0.5


def test_the_notes_count_the_tokens_of_the_document(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    active = len(_activations(tiny))
    strip = document_strip(tiny, LATENT, DOCUMENT, POSITION)
    assert strip.note == f"Active on {active} of its {LENGTH} tokens."
    assert domain_of(strip, "x") == [0, LENGTH]
    monkeypatch.setattr(opened_document, "MOST_BARS", LENGTH - 1)
    wide = document_strip(tiny, LATENT, DOCUMENT, POSITION + 1)
    assert (
        wide.note == f"Active on {active} of its {LENGTH} tokens; a bar is the maximum of 2 tokens."
    )
    monkeypatch.setattr(opened_document, "BEFORE", 5)
    monkeypatch.setattr(opened_document, "AFTER", 7)
    text = document_text(tiny, LATENT, DOCUMENT, 60)
    assert text.note == f"13 of its {LENGTH} tokens."


def test_a_token_is_shaded_by_its_share_of_the_maximum_in_the_corpus(tiny: Bundle) -> None:
    largest = max(tiny.activations.of_latent(LATENT)[1].tolist())
    rows = document_text(tiny, LATENT, DOCUMENT, POSITION).rows.to_pandas()
    assert 0 < rows["activation"].max() < largest
    assert rows["ratio"].tolist() == pytest.approx((rows["activation"] / largest).tolist())


def test_a_strip_has_the_activations_over_the_positions(tiny: Bundle) -> None:
    assert marks(document_strip(tiny, LATENT, DOCUMENT, POSITION)) == [
        "rect: color a colour, x position_from, x2 position_to, y activation, y2 0",
        "rule: color quiet ink, x at",
    ]
