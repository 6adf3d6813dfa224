"""Units and the caption that all figures of a pair of latents use."""

from analysis.bundle import UNITS, Bundle, Unit
from analysis.cooccurrence.association import expected, lift
from analysis.cooccurrence.pair import Pair
from analysis.runtime.numbers import count, counted, short
from charts.core.figure import Caption, Value, caption_of

UNIT_WORDS: dict[Unit, str] = {"token": "tokens", "window": "windows", "document": "documents"}
ROW = 30
"""Pixels."""


def shown_units(pair: Pair) -> tuple[Unit, ...]:
    """The units that say something of their own, smallest first.

    Where every document fits into one window, the windows are the documents, so they are left out.
    """
    return tuple(unit for unit in UNITS if unit != "window" or not windows_are_documents(pair))


def windows_are_documents(pair: Pair) -> bool:
    """Whether there are as many windows as documents, so that each is one."""
    return int(pair.tables["window"].n) == int(pair.tables["document"].n)


def units_words(pair: Pair) -> str:
    """The units of the figures of a pair, for their captions."""
    *others, last = shown_units(pair)
    return f"{', '.join(others)} and {last}"


def windows_note(pair: Pair) -> str:
    """What a window is, or why there are none."""
    if windows_are_documents(pair):
        return (
            f"No document has more than {count(pair.window)} kept tokens, so windows of this "
            "length are the documents; choose a shorter window to see whether both fire close to "
            "each other."
        )
    return (
        f"A window is {count(pair.window)} consecutive kept tokens of one document; the last "
        "one of a document may be shorter."
    )


def pair_summary(bundle: Bundle, pair: Pair) -> str:
    """The joint tokens beside those of independent latents, and the decoder cosine."""
    table = pair.tables["token"]
    return (
        f"Both fire on {counted(int(table.n11), 'token')}; expected if independent: "
        f"{short(float(expected(table)))} (lift {short(float(lift(table)))}). "
        f"{decoder_cosine(bundle, pair.a, pair.b)}"
    )


def decoder_cosine(bundle: Bundle, a: int, b: int) -> str:
    """The cosine of two decoder vectors as a sentence; a bound if the bundle does not store it.

    A bundle has the nearest decoder vectors of each latent.
    """
    near = bundle.neighbours.of([a, b]).to_pylist()
    for row in near:
        if {row["latent"], row["neighbour"]} == {a, b}:
            return f"Decoder cosine: {short(row['cosine'])}."
    of_each = [[row["cosine"] for row in near if row["latent"] == latent] for latent in (a, b)]
    if not all(of_each) or bundle.manifest.map.graph != "exact":
        return "Decoder cosine: not stored, as neither is among the nearest vectors of the other."
    return (
        f"Decoder cosine: at most {short(min(map(min, of_each)))}, as neither is among the "
        f"{bundle.manifest.parameters.neighbours} nearest vectors of the other."
    )


def pair_caption(bundle: Bundle, pair: Pair, unit: str, **parameters: Value) -> Caption:
    """The caption of a pair; includes its activation rule if it differs from the bundle's."""
    rule = f"activation > {pair.threshold:g}"
    own = {} if rule == bundle.manifest.active_rule else {"pair_active_when": rule}
    return caption_of(bundle, unit=unit, a=pair.a, b=pair.b, **own, **parameters)
