"""The canonical text of a selection, and how selections are combined."""

import pytest

from analysis.bundle import TABLES
from analysis.selection import (
    FLAGS,
    MAP_COLUMNS,
    NUMERIC_COLUMNS,
    RELATIONS,
    And,
    Between,
    Box,
    Compare,
    Everything,
    Flag,
    HasStatus,
    InCollection,
    InContext,
    Lasso,
    Latents,
    Near,
    Not,
    Noted,
    Or,
    Partners,
    Pattern,
    Profile,
    Related,
    Search,
    Selection,
    Span,
    Tagged,
    Unclustered,
    ids_of,
)

DENSE = Compare("density", ">", 0.5)
WHALE = Search("whale")


@pytest.mark.parametrize(
    ("selection", "text"),
    [
        (Everything(), ""),
        (Latents((3, 14)), "latent=3,14"),
        (Unclustered(), "cluster=none"),
        (Unclustered("decoder"), "cluster=none,decoder"),
        (Flag(("dead", "dense")), "flag=dead,dense"),
        (Compare("density", "<", 0.01), "density<0.01"),
        (Compare("max", ">=", 2.0), "max>=2"),
        (Compare("active_tokens", "<", 1e15), "active_tokens<1000000000000000.0"),
        (Between("density", 0.0001, 2), "density=0.0001..2"),
        (Latents((3, Span(5, 9))), "latent=3,5..9"),
        (Pattern(r"a\/b"), r"/a\/b/"),
        (InContext('a "b"'), 'context("a \\"b\\"")'),
        (Tagged(("days", "two-b")), "tag=days,two-b"),
        (Tagged(("7", "and", "c++")), 'tag="7","and","c++"'),
        (HasStatus(("checked", "none")), "status=checked,none"),
        (Noted('New "York"'), 'note~"New \\"York\\""'),
        (InCollection(("My list", "Suspects", "not")), 'collection="My list",Suspects,"not"'),
        (Profile("language", "fr"), "profile(language,fr)"),
        (Profile("language", "pt-BR", 0.5), "profile(language,pt-BR,0.5)"),
        (Profile("the class", "12"), 'profile("the class",12)'),
        (Profile("genre", "or"), 'profile(genre,"or")'),
        (Profile("genre", "1a"), 'profile(genre,"1a")'),
        (Related(7), "relation(7)"),
        (Related(7, "duplicate"), "relation(7,duplicate)"),
        (Related(None, "exclusive"), "relation(exclusive)"),
        (Search('a "b" \\'), '"a \\"b\\" \\\\"'),
        (Box(-1.5, 2, 0, 3.25), "box(-1.5,2,0,3.25)"),
        (Box(0, 1, 2, 3, "cooccurrence"), "box(0,1,2,3,cooccurrence)"),
        (Lasso(((0, 0), (1.5, 0), (1, 2))), "lasso(0,0,1.5,0,1,2)"),
        (
            Lasso(((0, 0), (1, 0), (1, 2)), "cooccurrence"),
            "lasso(0,0,1,0,1,2,cooccurrence)",
        ),
        (Near(7), "near(7)"),
        (Near(7, 0), "near(7,0)"),
        (Partners(7), "partners(7,phi,20)"),
        (Not(Or((WHALE, DENSE))), '!("whale" | density>0.5)'),
        (And((Or((WHALE, DENSE)), Near(1))), '("whale" | density>0.5) & near(1)'),
        (Or((And((WHALE, DENSE)), Near(1))), '"whale" & density>0.5 | near(1)'),
    ],
)
def test_text_of_a_selection(selection: Selection, text: str) -> None:
    assert str(selection) == text


def test_ids_in_a_row_are_written_as_a_span() -> None:
    assert ids_of([9, 3, 2, 1, 7, 3, 10]) == (Span(1, 3), 7, 9, 10)
    assert str(Latents(ids_of(range(5, 500)))) == "latent=5..499"
    assert ids_of([]) == ()


def test_the_columns_and_flags_are_those_of_the_latent_table() -> None:
    columns = {*NUMERIC_COLUMNS, *(axis for axes in MAP_COLUMNS.values() for axis in axes)}
    assert columns <= set(TABLES["latents"].names)
    texts = {"flag", "label", "explanation", "explanation_source", "top_tokens"}
    ids = {"latent", "cluster", "cluster_cooccurrence"}
    assert set(NUMERIC_COLUMNS) == set(TABLES["latents"].names) - texts - ids
    words = TABLES["relations"].field("relation").metadata[b"range"].decode()
    assert tuple(words.split(", ")) == RELATIONS
    assert FLAGS == ("live", "dead", "ultralow", "dense")
