"""Escapes text from models and corpora for places that read Markdown."""

import re

from charts.core.text import cut, visible

LONGEST_SHOWN = 400
"""Characters."""
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=@/])")


def plain(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Escape the text so that Markdown shows every character as it is, on one line.

    Control characters and direction overrides become visible marks. A text with more than `longest`
    characters is cut and ends in an ellipsis.
    """
    line = cut(visible(text[: 4 * longest]).strip(), longest)
    return _MARKUP.sub(r"\\\1", line)
