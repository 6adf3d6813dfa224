"""Contexts of a latent, against independent counts."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.latents.windows import WindowReader
from analysis.runtime.errors import InputError
from charts.concordance import activation_ratio, columns_of
from charts.contexts import context_rows, context_strips
from charts.core.theme import INK, MONO
from tests.charts.drawn import marks


@pytest.mark.parametrize("kind", ["top", "interval", "random"])
def test_context_rows_are_the_stored_windows(tiny: Bundle, kind: str) -> None:
    stored = tiny.contexts.of(20).to_pandas()
    stored = stored[stored["kind"] == kind]
    rows = context_strips(tiny, 20, kind).rows.to_pandas()  # type: ignore[arg-type]
    assert rows["context"].nunique() == len(stored) > 0
    width = np.minimum(stored["position"], 10) + np.minimum(130 - stored["position"], 11)
    assert len(rows) == width.sum()
    best = stored["activation"].max()
    first = rows[rows["context"] == 0]
    assert first["picked_activation"].iloc[0] == best
    picked = rows[rows["is_picked"]]
    assert np.array_equal(picked["activation"], picked["picked_activation"])
    largest = tiny.latents["max"][20].as_py()
    assert np.allclose(rows["ratio"], rows["activation"] / largest)
    assert rows["ratio"].max() <= 1


def test_the_rows_of_several_latents_equal_those_made_token_by_token(tiny: Bundle) -> None:
    contexts = tiny.contexts.of([3, 20, 21])
    contexts = contexts.take(np.random.default_rng(0).permutation(contexts.num_rows)[:40])
    expected = []
    windows = WindowReader.of(tiny).read(contexts, tiny.manifest.parameters.context_tokens)
    for context, row in enumerate(windows.to_pylist()):
        edges = columns_of(row["tokens"], row["peak"])
        for i, (token, value) in enumerate(zip(row["tokens"], row["activations"], strict=True)):
            largest = tiny.latents["max"][row["latent"]].as_py()
            expected.append(
                {
                    **{name: row[name] for name in ("latent", "document")},
                    "context": context,
                    "position": row["position"] + i - row["peak"],
                    "token": token,
                    "activation": value,
                    "ratio": float(np.float32(activation_ratio(value, largest))),
                    "picked_activation": row["activation"],
                    "is_picked": i == row["peak"],
                    "start": edges[i][0],
                    "end": edges[i][1],
                }
            )
    rows = context_rows(tiny, contexts)
    assert len(expected) > 400 and rows.drop_columns(["title"]).to_pylist() == expected
    nothing = context_rows(tiny, contexts.slice(0, 0))
    assert nothing.num_rows == 0 and nothing.schema.equals(rows.schema)


def test_contexts_of_an_unknown_kind_are_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="no kind 'best'"):
        context_strips(tiny, 20, "best")  # type: ignore[arg-type]


def test_equally_strong_contexts_are_in_the_order_of_the_corpus(tiny: Bundle) -> None:
    row = tiny.contexts.of(20).slice(0, 1).to_pylist()[0]
    places = [(3, 40), (1, 90), (3, 7), (1, 20), (2, 5)]
    stored = pa.Table.from_pylist(
        [
            row | {"kind": "top", "activation": 1.0 + (d == 2), "document": d, "position": p}
            for d, p in places
        ],
        tiny.contexts.of(20).schema,
    )
    bundle = replace(tiny)
    vars(bundle)["contexts"] = SimpleNamespace(of=lambda latent: stored)
    rows = context_strips(bundle, 20).rows.to_pandas()
    picked = rows[rows["is_picked"]]
    found = list(zip(picked["document"], picked["position"], strict=True))
    assert found == [(2, 5), (1, 20), (1, 90), (3, 7), (3, 40)]


def test_each_token_is_the_one_at_its_document_and_position(tiny: Bundle) -> None:
    table = tiny.tokens.to_pydict()
    keys = zip(table["document"], table["position"], strict=True)
    token = dict(zip(keys, table["token"], strict=True))
    rows = context_strips(tiny, 20).rows.to_pylist()
    assert len(rows) > 50
    assert all(token[row["document"], row["position"]] == row["token"] for row in rows)


def test_the_strongest_contexts_are_the_default_and_come_with_a_warning(tiny: Bundle) -> None:
    figure = context_strips(tiny, 20)
    assert figure.rows.equals(context_strips(tiny, 20, "top").rows)
    assert "cleaner than it is" in str(figure.note)
    assert "cleaner" not in str(context_strips(tiny, 20, "random").note)


def test_words_have_the_colour_of_ink_on_every_shade(tiny: Bundle) -> None:
    """`test_scheme` checks that ink can be read on all of them."""
    specification = context_strips(tiny, 20).specification()
    (words,) = (la for la in specification["layer"] if la["mark"].get("font") == MONO)
    assert "color" not in words["encoding"] and "color" not in words["mark"]
    assert specification["config"]["text"]["color"] == INK


def test_intervals_of_older_bundles_are_of_rank(tiny: Bundle) -> None:
    assert context_strips(tiny, 20, "interval").title.startswith("Contexts from equal intervals")
    older = replace(tiny, manifest=tiny.manifest.model_copy(update={"schema_version": 2}))
    assert context_strips(older, 20, "interval").title.startswith("Contexts evenly spaced by rank")
    assert context_strips(older, 20, "random").title.startswith("Random")


def test_the_intervals_of_schema_three_are_of_activation(tiny: Bundle) -> None:
    manifest = tiny.manifest.model_copy(update={"schema_version": 3})
    title = context_strips(replace(tiny, manifest=manifest), 20, "interval").title
    assert title.startswith("Contexts from equal intervals")


def test_every_token_has_the_title_of_its_document_and_the_caption_counts_contexts(
    tiny: Bundle,
) -> None:
    titles = dict(
        zip(
            tiny.documents["document"].to_pylist(), tiny.documents["title"].to_pylist(), strict=True
        )
    )
    figure = context_strips(tiny, 20, "random")
    rows = figure.rows.to_pylist()
    assert len({row["title"] for row in rows}) > 1
    assert all(row["title"] == titles[row["document"]] for row in rows)
    stored = tiny.contexts.of(20).to_pandas()
    number = (stored["kind"] == "random").sum()
    largest = tiny.latents["max"][20].as_py()
    assert figure.caption.parameters["contexts"] == f"{number} random"
    assert figure.caption.parameters["largest_activation"] == f"{largest:.3g}"


def test_each_context_is_a_line_of_26_pixels(tiny: Bundle) -> None:
    figure = context_strips(tiny, 20)
    lines = figure.rows.to_pandas()["context"].nunique()
    assert figure.chart.to_dict()["height"] == 8 + 26 * lines
    assert context_strips(tiny, 0).chart.to_dict()["height"] == 8 + 26


def test_the_picked_token_has_a_frame_and_its_activation_at_the_end_of_the_line(
    tiny: Bundle,
) -> None:
    assert marks(context_strips(tiny, 20)) == [
        "rect: x start, x2 end, y context, color ratio, "
        "stroke ink if datum.is_picked else None, "
        "share = isValid(datum.ratio) ? format(datum.ratio, '.3~p') : 'no corpus maximum'",
        "text: x word, y context, text drawn, "
        "share = isValid(datum.ratio) ? format(datum.ratio, '.3~p') : 'no corpus maximum'",
        "rect: color paper, x width - 56, x2 width, y context, "
        "share = isValid(datum.ratio) ? format(datum.ratio, '.3~p') : 'no corpus maximum', "
        "only datum.is_picked",
        "text: x width - 3, y context, text picked_activation, "
        "share = isValid(datum.ratio) ? format(datum.ratio, '.3~p') : 'no corpus maximum', "
        "only datum.is_picked",
    ]
