"""The one default for the memory that counting and sorting may use."""

MEMORY_BYTES = 512_000_000
"""Bytes beside those of the model and the SAE. It shapes how work is cut up, never the result."""
