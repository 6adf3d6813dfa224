"""The list of selected latents says in which texts the words of the selection are."""

import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.selection import evaluate, parse
from charts.selected_lines import MOST, selected_lines
from tests.charts.conftest import with_tables


def with_texts(bundle: Bundle) -> Bundle:
    """Latents 3, 5 and 8 have texts of their own; no other has a word of these."""
    texts = {
        3: ("quokka", "", [" quokka", "leaf"]),
        5: ("leaf", "Names of marsupials such as the QUOKKA", ["leaf"]),
        8: ("", "", ["one", "Quokkas", "quokka"]),
    }
    rows = bundle.latents
    for name, place in (("label", 0), ("explanation", 1), ("top_tokens", 2)):
        index, field = rows.schema.get_field_index(name), rows.schema.field(name)
        values = rows[name].to_pylist()
        for latent, own in texts.items():
            values[latent] = own[place]
        rows = rows.set_column(index, field, pa.array(values, field.type))
    return with_tables(bundle, latents=rows)


@pytest.mark.parametrize("text", ["quokka", "/quok+a/", "quokka & density>=0", "quokka | max<0"])
def test_the_reason_is_where_the_words_are(planted_bundle: Bundle, text: str) -> None:
    bundle = with_texts(planted_bundle)
    selection = parse(text)
    lines = selected_lines(bundle, evaluate(selection, bundle), selection)
    assert [(line.latent, line.name, line.reason) for line in lines] == [
        (3, "quokka", "in its label; among its 2 top tokens: “quokka” (number 1)"),
        (5, "leaf", "in its explanation “Names of marsupials such as the QUOKKA”"),
        (
            8,
            "“one”, “Quokkas”, “quokka”",
            "among its 3 top tokens: “Quokkas” (number 2), “quokka” (number 3)",
        ),
    ]


def test_without_words_the_top_tokens_are_shown(planted_bundle: Bundle) -> None:
    bundle = with_texts(planted_bundle)
    selection = parse('latent=3,8 & !"marsupials"')
    lines = selected_lines(bundle, evaluate(selection, bundle), selection)
    assert [line.reason for line in lines] == [
        "top tokens “quokka”, “leaf”",
        "top tokens “one”, “Quokkas”, “quokka”",
    ]


def test_the_first_latents_are_listed_by_id(planted_bundle: Bundle) -> None:
    selection = parse("latent=10..90")
    lines = selected_lines(planted_bundle, evaluate(selection, planted_bundle), selection)
    assert [line.latent for line in lines] == list(range(10, 10 + MOST))
