import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts.concordance import CELL
from charts.contexts import context_strips
from charts.core.text import cells, cut, shown_label, shown_token, visible
from charts.latent import (
    activation_histogram,
    latent_neighbours,
    latent_partners,
    logit_effects,
)


def test_activation_histogram_equals_numpy(tiny: Bundle) -> None:
    _, values = tiny.activations.of_latent(20)
    rows = activation_histogram(tiny, 20).rows.to_pandas()
    assert rows["tokens"].sum() == len(values) == tiny.latents["active_tokens"][20].as_py()
    assert rows["activation_from"].iloc[0] == pytest.approx(values.min())
    assert rows["activation_to"].iloc[-1] == pytest.approx(values.max())
    for row in rows.iloc[:-1].itertuples():
        inside = (values >= row.activation_from) & (values < row.activation_to)
        assert row.tokens == inside.sum()


def test_neighbours_keep_their_order(tiny: Bundle) -> None:
    stored = tiny.neighbours.of(7).to_pandas().sort_values("rank")
    rows = latent_neighbours(tiny, 7).rows.to_pandas()
    assert rows["latent"].tolist() == stored["neighbour"].tolist()
    assert rows["cosine"].tolist() == stored["cosine"].tolist()
    assert rows["label"].tolist() == [tiny.latents["label"][i].as_py() for i in rows["latent"]]


def test_logit_effects_are_all_rows_from_most_positive_to_most_negative(tiny: Bundle) -> None:
    stored = tiny.logits.of(20).to_pandas()
    rows = logit_effects(tiny, 20).rows.to_pandas()
    assert rows["effect"].is_monotonic_decreasing
    assert sorted(rows["token"]) == sorted(stored["token"])


@pytest.mark.parametrize("latent", [-1, 120])
@pytest.mark.parametrize(
    "draw",
    [activation_histogram, latent_neighbours, latent_partners, logit_effects, context_strips],
)
def test_unknown_latents_are_refused(tiny: Bundle, draw, latent: int) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="there is no latent"):
        draw(tiny, latent)


@pytest.mark.parametrize(
    "draw",
    [activation_histogram, latent_neighbours, latent_partners, logit_effects, context_strips],
)
def test_a_dead_latent_can_be_drawn(tiny: Bundle, draw) -> None:  # type: ignore[no-untyped-def]
    assert draw(tiny, 0).chart.to_dict()


@pytest.mark.parametrize("kind", ["top", "interval", "random"])
def test_context_rows_are_the_stored_windows(tiny: Bundle, kind: str) -> None:
    stored = tiny.contexts.of(20).to_pandas()
    stored = stored[stored["kind"] == kind]
    rows = context_strips(tiny, 20, kind).rows.to_pandas()  # type: ignore[arg-type]
    assert rows["context"].nunique() == len(stored) > 0
    assert len(rows) == stored["tokens"].map(len).sum()
    best = stored["activation"].max()
    first = rows[rows["context"] == 0]
    assert first["picked_activation"].iloc[0] == best
    picked = rows[rows["is_picked"]]
    assert np.array_equal(picked["activation"], picked["picked_activation"])
    largest = tiny.latents["max"][20].as_py()
    assert np.allclose(rows["ratio"], rows["activation"] / largest)
    assert rows["ratio"].max() <= 1


def test_lines_are_aligned_at_the_picked_token_and_tokens_touch(tiny: Bundle) -> None:
    figure = context_strips(tiny, 20)
    rows = figure.rows.to_pandas()
    assert (rows["start"][rows["is_picked"]] == 0).all()
    for _, line in rows.groupby("context"):
        assert (line["start"].to_numpy()[1:] == line["end"].to_numpy()[:-1]).all()
    assert (rows["end"] > rows["start"]).all()
    drawn = max(figure.chart.to_dict()["datasets"].values(), key=len)
    for row, shown in zip(rows.itertuples(), drawn, strict=True):
        width = (shown["end"] - shown["start"]) / CELL
        assert width == pytest.approx(max(cells(shown_token(row.token)), 1))
        assert shown["word"] >= shown["start"] - 1e-9


def test_contexts_of_an_unknown_kind_are_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="no kind 'best'"):
        context_strips(tiny, 20, "best")  # type: ignore[arg-type]


def test_visible_text_has_no_control_or_direction_characters() -> None:
    assert visible("a\nb\tc\0d\x1b") == "a↵b→cd·"
    assert visible("\u202egnp.exe\u2069") == "‹RLO›gnp.exe‹PDI›"
    assert visible("<b>$x$ &lt; שלום 日本") == "<b>$x$ &lt; שלום 日本"
    assert visible("e" + "\u0301" * 9) == "e" + "\u0301" * 3
    assert visible("\uffff\ue000") == "··"


def test_tokens_are_cut_and_keep_their_spaces() -> None:
    assert len(shown_token("x" * 10_000)) == 40
    assert shown_token("x" * 10_000).endswith("…")
    assert shown_token(" the") == "\u00a0the"
    assert shown_token("  ") == "␣␣"
    assert shown_token("") == "∅"
    assert shown_label(None) == ""
    assert cut("abcdef", 4) == "abc…"
    assert (cells("abc"), cells("日本"), cells("e\u0301")) == (3, 4, 1)
