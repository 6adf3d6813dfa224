"""Escapes text from models and corpora for places that read Markdown."""

import functools
import re

from charts.core.text import cut, visible

LONGEST_SHOWN = 400
"""Characters."""
KEPT_TEXTS, LONGEST_KEPT = 8_192, 200
"""Escaped texts that are kept, because each run of a page shows most of them again, and the most
characters of one; about 5 MB."""
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=@/])")
_READ_LATER = re.compile(
    r"(?i:(?<=www)(?=\.)|(?<=https:)(?=//)|(?<=http:)(?=//))"  # bare links
    r"|(?<=[\w.+-])(?=@)"  # addresses of e-mail
    r"|(?<=:)(?=[\w+-]+:)"  # codes of emoji, icons and logos
    r"|(?<=[<~>-])(?=[-=>])"  # arrows, dashes and signs of comparison
)
"""Where a text is split that Streamlit reads after it has removed the escapes."""
_WORD_JOINER = "\u2060"
"""Has no width."""


def plain(text: str, longest: int = LONGEST_SHOWN) -> str:
    """Escape the text so that Markdown shows every character as it is, on one line.

    Control characters and direction overrides become visible marks. A text with more than `longest`
    characters is cut and ends in an ellipsis. Streamlit makes links, emoji and arrows of texts in
    which all signs are escaped, so these get characters without a width.
    """
    escape = _kept if len(text) <= LONGEST_KEPT else _escaped
    return escape(text, longest)


def _escaped(text: str, longest: int) -> str:
    line = cut(visible(text[: 4 * longest]).strip(), longest)
    return _MARKUP.sub(r"\\\1", _READ_LATER.sub(_WORD_JOINER, line))


_kept = functools.lru_cache(maxsize=KEPT_TEXTS)(_escaped)
