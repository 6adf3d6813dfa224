"""The formats that open: one line each, asked in this order.

To add a format, write a module with `matches(saved) -> bool`, which looks at tensor names and
configuration keys and never at the folder's name alone, and `read(saved, options) ->
SparseAutoencoder`; then add its line to FORMATS.
"""

from collections.abc import Callable
from dataclasses import dataclass

from analysis.errors import InputError
from analysis.saes import saelens
from analysis.saes.saved import Options, Saved
from analysis.saes.sparse_autoencoder import SparseAutoencoder


@dataclass(frozen=True)
class Format:
    """How one format is recognised and read."""

    name: str
    title: str
    matches: Callable[[Saved], bool]
    read: Callable[[Saved, Options], SparseAutoencoder]


FORMATS = (Format("saelens", "SAELens", saelens.matches, saelens.read),)


def format_of(saved: Saved, name: str | None = None) -> Format:
    """The format called `name`, or else the first one that recognises the content."""
    if name is not None:
        chosen = next((entry for entry in FORMATS if entry.name == name), None)
        if chosen is None:
            raise InputError(
                f"{saved.path}: the format {name[:40]!r} is unknown; known are "
                f"{', '.join(entry.name for entry in FORMATS)}."
            )
        return chosen
    found = next((entry for entry in FORMATS if entry.matches(saved)), None)
    if found is None:
        beside = "no configuration" if saved.config_path is None else saved.config_path.name
        raise InputError(
            f"{saved.path}: no known format has these tensors ({saved.weights.names()}) with "
            f"{beside} beside them; if you know the format, name it with --format."
        )
    return found
