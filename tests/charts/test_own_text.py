"""The figures of a typed text against its activations; the bundle and the text are hostile."""

import re
from typing import Any

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.harvest.own_text.encoded_text import EncodedText
from charts import own_text as module
from charts.core.call import repeat
from charts.core.export import KINDS, ROWS_KINDS, export
from charts.own_text import (
    COLUMNS,
    NOT_IMPORTANCE,
    own_text,
    own_text_strips,
    own_text_table,
    shares_of_text,
)
from tests.charts.conftest import DEAD, HOSTILE
from tests.charts.drawn import drawn_rows

FIRST, SECOND, DENSE = 20, 33, DEAD
TEXT = "typed"


@pytest.fixture(autouse=True)
def typed(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> EncodedText:
    """Hostile tokens; FIRST fires on three of them, SECOND and a dense latent on one."""
    largest = tiny.latents["max"].to_pylist()
    values = {
        (1, FIRST): largest[FIRST] / 2,
        (2, FIRST): largest[FIRST],
        (2, SECOND): largest[SECOND] / 4,
        (4, DENSE): largest[DENSE],
        (5, FIRST): largest[FIRST] / 8,
    }
    encoded = EncodedText(
        tokens=tuple(HOSTILE),
        kept=(False, *[True] * (len(HOSTILE) - 1)),
        active=tuple(sum(token == i for token, _ in values) for i in range(len(HOSTILE))),
        latents=tuple(latent for _, latent in values),
        activations=tuple(values.values()),
        all_tokens=len(HOSTILE) + 3,
    )
    monkeypatch.setattr(module, "encoded_text", lambda bundle, text: encoded)
    return encoded


def test_a_token_is_shaded_by_its_strongest_latent(tiny: Bundle) -> None:
    figure = own_text(tiny, TEXT)
    rows = figure.rows.to_pydict()
    assert rows["token"] == HOSTILE
    expected = np.zeros(len(HOSTILE))
    expected[[1, 2, 5]] = [0.5, 1, 0.125]
    assert rows["ratio"] == pytest.approx(expected)
    first, second = (rows["strongest"][2].split(", ")[i][:3] for i in (0, 1))
    assert (first, second) == (f"{FIRST} ", f"{SECOND} ")
    assert rows["strongest"][4] == "" and rows["strongest"][0] == ""
    assert own_text(tiny, TEXT, True).rows["ratio"][4].as_py() == pytest.approx(1)
    for words in ("20 tokens were read; 3 more were cut off", "special tokens: 1.", NOT_IMPORTANCE):
        assert words in (figure.note or "")


def test_the_shades_have_a_legend_and_the_darkest_tokens_name_their_latents(tiny: Bundle) -> None:
    figure = own_text(tiny, TEXT)
    names = figure.rows["strongest"].to_pylist()
    darkest = [names[i].split(")")[0] + ")" for i in (2, 1, 5)]  # 1, a half, an eighth
    note = figure.note or ""
    assert note.startswith("Darkest: “") and all(f" by {name}" in note for name in darkest)
    assert [note.index(f" by {name}") for name in darkest] == sorted(
        note.index(f" by {name}") for name in darkest
    )
    text = str(figure.chart.to_dict())
    assert "activation of a token's strongest latent / that latent's own maximum" in text


def test_a_strip_shows_its_latent_around_the_strongest_token(
    tiny: Bundle, typed: EncodedText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AROUND", 3)
    rows = own_text_strips(tiny, TEXT).rows.to_pandas()
    assert rows.groupby("context")["latent"].first().tolist() == [FIRST, SECOND]
    strip = rows[rows["context"] == 0]
    assert strip["position"].tolist() == [0, 1, 2, 3, 4, 5]
    assert strip["token"].tolist() == HOSTILE[:6]
    assert strip["position"][strip["is_picked"]].tolist() == [2]
    assert strip["ratio"].tolist() == pytest.approx([0, 0.5, 1, 0, 0, 0.125])
    assert strip["picked_activation"].unique() == pytest.approx([typed.activations[1]])
    assert strip["start"][strip["is_picked"]].tolist() == [0]
    monkeypatch.setattr(module, "AROUND", 1)
    near = own_text_strips(tiny, "near").rows.to_pandas().query("context == 0")
    assert near["position"].tolist() == [1, 2, 3]
    monkeypatch.setattr(module, "MOST_STRIPS", 1)
    assert set(own_text_strips(tiny, "other").rows["latent"].to_pylist()) == {FIRST}


def test_the_table_counts_what_it_hides(tiny: Bundle) -> None:
    table = own_text_table(tiny, TEXT)
    assert tuple(table.rows.column_names) == COLUMNS
    rows = table.rows.to_pydict()
    assert rows["latent"] == [FIRST, SECOND]
    assert rows["ratio"] == pytest.approx([1, 0.25])
    assert rows["active_in_text"] == [3, 1]
    assert rows["token"] == ["=cmd()", "=cmd()"] and rows["position"] == [2, 2]
    assert rows["rank"][0] == 1
    for score in ("label_precision", "label_recall"):
        scores = tiny.latents[score].to_pylist()
        assert rows[score] == [scores[FIRST], scores[SECOND]]
    assert rows["corpus_activations"] == [len(tiny.activations.of_latent(i)[0]) for i in (20, 33)]
    assert "active on the text: 2. Dense latents" in (table.note or "")
    assert "are hidden: 1." in (table.note or "")
    assert "are hidden" not in (own_text_table(tiny, TEXT, True).note or "")
    assert NOT_IMPORTANCE in (table.note or "")
    for one in (table, own_text(tiny, TEXT), own_text_strips(tiny, TEXT)):
        assert "Never active" not in (one.note or "")
    everything = own_text_table(tiny, TEXT, True).rows.to_pydict()
    assert everything["ratio"][everything["latent"].index(DENSE)] == pytest.approx(1)


def test_a_token_that_cuts_a_character_is_shown_as_the_whole(
    tiny: Bundle, typed: EncodedText, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = typed.model_copy(update={"tokens": ("a", "⟨e4 bd⟩", "⟨a0⟩", "b", *typed.tokens[4:])})
    monkeypatch.setattr(module, "encoded_text", lambda bundle, text: cut)
    assert own_text_table(tiny, "cut").rows["token"].to_pylist() == ["你", "你"]


def test_a_map_is_coloured_by_the_strongest(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shares_of_text(tiny, TEXT) == ((FIRST, 1.0), (SECOND, 0.25))
    monkeypatch.setattr(module, "MOST_COLOURED", 1)
    assert shares_of_text(tiny, TEXT) == ((FIRST, 1.0),)


def test_a_token_names_its_three_strongest_latents(
    tiny: Bundle, typed: EncodedText, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = tiny.latents["max"].to_pylist()
    ratios = {FIRST: 0.5, 21: 0.125, SECOND: 0.75, 40: 0.25}
    many = typed.model_copy(
        update={
            "active": (0, len(ratios), *[0] * (len(typed.tokens) - 2)),
            "latents": tuple(ratios),
            "activations": tuple(largest[latent] * ratio for latent, ratio in ratios.items()),
        }
    )
    monkeypatch.setattr(module, "encoded_text", lambda bundle, text: many)
    names = own_text(tiny, "many").rows["strongest"][1].as_py()
    assert re.findall(r"\((0\.\d+)\)", names) == ["0.750", "0.500", "0.250"]
    assert names.startswith(f"{SECOND} ") and ", 21 " not in names


def test_a_latent_that_the_corpus_never_activates_is_named_and_has_no_shade_or_colour(
    tiny: Bundle, typed: EncodedText, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Latent 0 is dead: the text is its first context. Token 3 activates no other."""
    first = typed.model_copy(
        update={
            "active": (0, 2, 2, 1, *typed.active[4:]),
            "latents": (0, *typed.latents[:3], 0, *typed.latents[3:]),
            "activations": (0.5, *typed.activations[:3], 0.25, *typed.activations[3:]),
        }
    )
    monkeypatch.setattr(module, "encoded_text", lambda bundle, text: first)
    assert shares_of_text(tiny, "new") == ((FIRST, 1.0), (SECOND, 0.25))
    shaded = own_text(tiny, "new")
    assert shaded.rows["ratio"].to_pylist()[:6] == [0, 0.5, 1, None, 0, 0.125]
    names = shaded.rows["strongest"].to_pylist()
    assert names[1].startswith("0 ") and names[1].split(", ")[0].endswith("(no corpus maximum)")
    assert f", {FIRST} · " in names[1] and names[1].endswith("(0.500)")
    assert names[3] == names[1].split(", ")[0]
    assert [row["ratio"] for row in drawn_rows(shaded)[2:4]] == [1, None]
    rows = own_text_table(tiny, "new").rows.to_pydict()
    assert (rows["latent"][0], rows["ratio"][0]) == (0, None)
    assert (rows["rank"][0], rows["corpus_activations"][0]) == (1, 0)
    strip = own_text_strips(tiny, "new").rows.to_pandas().query("context == 0")
    assert strip["latent"].unique().tolist() == [0] and strip["ratio"].isna().all()
    assert strip["activation"].tolist()[:4] == [0, 0.5, 0, 0.25]
    figures: tuple[Any, ...] = (shaded, own_text_strips(tiny, "new"), own_text_table(tiny, "new"))
    for figure in figures:
        assert "Never active in the corpus: 1 of its latents, listed first." in (figure.note or "")
    for figure in figures[:2]:
        boxes = figure.specification()["layer"][0]
        assert boxes["mark"]["invalid"] == "show"  # Vega-Lite leaves out marks without a value


def test_the_rows_that_are_drawn_are_the_rows(tiny: Bundle) -> None:
    for figure in (own_text(tiny, TEXT), own_text_strips(tiny, TEXT)):
        assert len(drawn_rows(figure)) == figure.rows.num_rows


def test_files_hold_the_text_and_are_made_again(tiny: Bundle) -> None:
    for figure in (own_text(tiny, TEXT), own_text_strips(tiny, TEXT)):
        assert all(export(figure, kind) for kind in KINDS)
        assert figure.call is not None
        again = repeat(tiny, figure.call.function, figure.call.to_json())
        assert again.rows.equals(figure.rows)
    table = own_text_table(tiny, TEXT)
    assert all(export(table, kind) for kind in ROWS_KINDS)
