"""Co-occurrence: which latents fire on the same tokens?"""

from pages.widgets import choices
from pages.widgets.cooccurrence_parts import PARTS
from pages.widgets.page import begin

page = begin(
    "Co-occurrence",
    "Which latents fire on the same tokens, and more often than by chance?",
    of_latents=True,
)
with page.toolbar:
    part = choices.tab()
PARTS[part](page)
