"""Which latents fire together: exact counts, and the measures that follow from them."""

from typing import Literal

WINDOW = 256
"""Kept tokens of a window; Li et al. 2024."""

Unit = Literal["token", "window", "document"]
"""In which two latents may be active together."""
Where = Literal["both", "a", "b"]
"""Whether both latents of a pair are active, or only one."""
Picking = Literal["even", "random"]
"""How contexts of a pair are picked."""
