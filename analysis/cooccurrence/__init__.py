"""Which latents fire together: exact counts, and the measures that follow from them."""

from typing import Literal

Where = Literal["both", "a", "b"]
"""Whether both latents of a pair are active, or only one."""
Picking = Literal["even", "random"]
"""How contexts of a pair are picked."""
