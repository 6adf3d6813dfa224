"""Which latents fire together: exact counts, and the measures that follow from them."""

from typing import Literal

Where = Literal["both", "a", "b"]
"""Tokens on which both latents of a pair are active, only a, or only b."""
Picking = Literal["even", "random"]
"""How the contexts of a pair are picked: at even steps of rank, or at random."""
