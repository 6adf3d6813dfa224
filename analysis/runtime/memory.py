"""The one default for the memory that counting and sorting may use."""

MEMORY_BYTES = 512_000_000
"""In addition to the model and the SAE. It affects the size of blocks, never the result."""
