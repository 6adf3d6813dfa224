"""The selection: a query over latents that reads as text, not a list of ids.

    cluster=12 & density<0.01 & "python"
    near(4122) | partners(4122,phi,20)
    box(-1.5,2,0,3.25) & !flag=dead
    profile(language,fr) | profile(genre,recipes,0.5)

`parse` reads such a text, `str` writes it in one canonical form that fits in an address bar, and
`evaluate` computes the selected latents from the tables of a bundle. The same text works for every
bundle. `&` binds tighter than `|`. The words `and`, `or` and `not` are also accepted. A bare word
is a search, and conditions side by side are joined by and.
"""

from analysis.latents.flags import FLAGS
from analysis.selection.combining import both, conjuncts, needs_notes, parts_of, replaced, without
from analysis.selection.drawing import drawn_box, drawn_lasso
from analysis.selection.evaluation import evaluate
from analysis.selection.grammar import (
    MAP_COLUMNS,
    NUMERIC_COLUMNS,
    RELATIONS,
    And,
    Between,
    Box,
    Cluster,
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
from analysis.selection.parser import LONGEST_TEXT, parse

__all__ = [
    "FLAGS",
    "LONGEST_TEXT",
    "MAP_COLUMNS",
    "NUMERIC_COLUMNS",
    "RELATIONS",
    "And",
    "Between",
    "Box",
    "Cluster",
    "Compare",
    "Everything",
    "Flag",
    "HasStatus",
    "InCollection",
    "InContext",
    "Lasso",
    "Latents",
    "Near",
    "Not",
    "Noted",
    "Or",
    "Partners",
    "Pattern",
    "Profile",
    "Related",
    "Search",
    "Selection",
    "Span",
    "Tagged",
    "Unclustered",
    "both",
    "conjuncts",
    "drawn_box",
    "drawn_lasso",
    "evaluate",
    "ids_of",
    "needs_notes",
    "parse",
    "parts_of",
    "replaced",
    "without",
]
