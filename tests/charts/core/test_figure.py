"""A figure shows itself in a notebook, with its caption, and names the selection it shows."""

import json

from altair.vegalite.v6.display import VEGALITE_MIME_TYPE

from analysis.bundle import Bundle
from charts.core.theme import EXPORT_WIDTH
from charts.health import flag_counts


def test_a_notebook_gets_the_chart_with_title_note_and_caption(tiny: Bundle) -> None:
    figure = flag_counts(tiny)
    bundle = figure._repr_mimebundle_()
    spec = bundle[VEGALITE_MIME_TYPE]
    assert spec["width"] == EXPORT_WIDTH
    assert spec["title"]["text"] == figure.title
    drawn = " ".join(spec["title"]["subtitle"])
    assert drawn == f"{figure.note} {figure.caption.text}"
    json.dumps(spec)
    assert bundle["text/plain"].split("\n") == [figure.title, figure.caption.text, figure.note]


def test_the_short_caption_has_counts_unit_rule_and_bundle(tiny: Bundle) -> None:
    caption = flag_counts(tiny).caption
    assert caption.short == (
        "N = 1,550 tokens, 12 documents · by token · active when activation > 0 · tiny "
        f"{tiny.manifest.bundle_id[:8]}"
    )
    assert "N = 1,550 kept tokens of 12 documents, counted by token." in caption.text


def test_the_caption_names_the_selection(tiny: Bundle) -> None:
    figure = flag_counts(tiny)
    assert figure.of_selection("") is figure
    assert figure.of_selection("density<0.01").caption.text.endswith("; selection density<0.01.")
