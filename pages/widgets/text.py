"""Text from models and corpora, made safe for places that read Markdown."""

import re

from charts.core.text import cut, visible

LONGEST_SHOWN = 400
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=@/])")


def plain(text: str, longest: int = LONGEST_SHOWN) -> str:
    """The text escaped so that Markdown shows it letter by letter, on one line.

    Control characters and overrides of the reading direction become marks that can be seen; a text
    over `longest` characters is cut and ends in an ellipsis.
    """
    line = cut(visible(text[: 4 * longest]).strip(), longest)
    return _MARKUP.sub(r"\\\1", line)
