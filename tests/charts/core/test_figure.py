"""Captions of figures and their display in a notebook."""

import base64
import json
import struct
from dataclasses import replace

import nbformat
import pytest

from analysis.bundle import Bundle
from charts.core import picture
from charts.core.theme import EXPORT_WIDTH
from charts.health import flag_counts

VEGA_LITE = "application/vnd.vegalite.v6+json"


def test_a_notebook_gets_the_chart_a_picture_and_the_text(tiny: Bundle) -> None:
    figure = flag_counts(tiny)
    shown = figure._repr_mimebundle_()
    assert set(shown) == {VEGA_LITE, "image/png", "text/plain"}
    spec = shown[VEGA_LITE]
    assert spec["width"] == EXPORT_WIDTH
    assert spec["title"]["text"] == figure.title
    drawn = " ".join(spec["title"]["subtitle"])
    assert drawn == f"{figure.note} {figure.caption.text}"
    assert shown["text/plain"].split("\n") == [figure.title, figure.caption.text, figure.note]
    png = base64.b64decode(shown["image/png"], validate=True)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">I", png[16:20]) == (2 * EXPORT_WIDTH,)


def test_a_notebook_with_a_figure_is_valid(tiny: Bundle) -> None:
    output = {
        "output_type": "display_data",
        "data": flag_counts(tiny)._repr_mimebundle_(),
        "metadata": {},
    }
    cell = {
        "cell_type": "code",
        "id": "figure",
        "source": "figure",
        "metadata": {},
        "execution_count": 1,
        "outputs": [output],
    }
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    nbformat.validate(json.loads(json.dumps(notebook)))
    # The older key without "+json" fails this validation.
    output["data"] = {"application/vnd.vegalite.v6.json": {}}
    with pytest.raises(nbformat.ValidationError):
        nbformat.validate(notebook)


def test_a_figure_with_too_many_rows_has_no_picture(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(picture, "MOST_ROWS", 3)
    assert set(flag_counts(tiny)._repr_mimebundle_()) == {VEGA_LITE, "text/plain"}


def test_a_figure_states_what_differs_from_others_and_its_files_the_rest(tiny: Bundle) -> None:
    caption = flag_counts(tiny).caption
    assert caption.own == "Counted by token."
    parameters = {"pair_active_when": "activation > 2"}
    other = replace(caption, unit="window", parameters=parameters)
    assert other.own == "Counted by window; active when activation > 2."
    assert "N = 1,550 kept tokens of 12 documents, counted by token." in caption.text


def test_the_caption_names_the_selection(tiny: Bundle) -> None:
    figure = flag_counts(tiny)
    assert figure.of_selection("") is figure
    assert figure.of_selection("density<0.01").caption.text.endswith("; selection density<0.01.")


def test_a_line_of_the_text_in_a_picture_has_at_most_128_characters(tiny: Bundle) -> None:
    note = f"{'x' * 63} {'y' * 64} {'z' * 129}"
    title = replace(flag_counts(tiny), note=note).titled_specification()["title"]
    assert title["subtitle"][:3] == [f"{'x' * 63} {'y' * 64}", "z" * 128, "z"]
