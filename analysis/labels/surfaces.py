"""How pieces of text are joined to words, and how words are shown. It loads no compiled code."""

import unicodedata

from analysis.labels.unspaced_scripts import is_unspaced

LONGEST_SHOWN = 40
"""Characters of a term that are shown; the rest is cut."""
NOT_JOINED, LETTER, DIGIT = 0, 1, 2


def joint(character: str) -> int:
    """What a text with this character at its edge can be joined with there."""
    if is_unspaced(character):
        return NOT_JOINED
    category = unicodedata.category(character)
    if category[0] in "LM":
        return LETTER
    return DIGIT if category == "Nd" else NOT_JOINED


def surface(text: str) -> str:
    """A word or piece as it is shown: without surrounding spaces and punctuation."""
    bare = text.strip(" ")
    if not bare:
        return "␣" if len(text) <= 1 else f"␣×{len(text)}"
    letters = [i for i, c in enumerate(bare) if unicodedata.category(c)[0] in "LMN"]
    if letters and "⟨" not in bare:
        bare = bare[letters[0] : letters[-1] + 1]
    return bare if len(bare) <= LONGEST_SHOWN else bare[: LONGEST_SHOWN - 1] + "…"
