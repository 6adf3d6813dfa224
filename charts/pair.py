"""Units and the caption that all figures of a pair of latents use."""

from analysis.bundle import Bundle, Unit
from analysis.cooccurrence.pair import Pair
from charts.core.figure import Caption, Value, caption_of

UNIT_WORDS: dict[Unit, str] = {"token": "tokens", "window": "windows", "document": "documents"}


ROW = 30


def pair_caption(bundle: Bundle, pair: Pair, unit: str, **parameters: Value) -> Caption:
    """The caption of a pair; includes its activation rule if it differs from the bundle's."""
    rule = f"activation > {pair.threshold:g}"
    own = {} if rule == bundle.manifest.active_rule else {"pair_active_when": rule}
    return caption_of(bundle, unit=unit, a=pair.a, b=pair.b, **own, **parameters)
