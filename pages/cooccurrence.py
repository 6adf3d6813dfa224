"""Co-occurrence: which latents fire on the same tokens?"""

from pages.widgets import cooccurrence, pickers
from pages.widgets.page import begin

page = begin(
    "Co-occurrence",
    "Which latents fire on the same tokens, and more often than chance would have it?",
)
cooccurrence.PARTS[pickers.tab()](page)
