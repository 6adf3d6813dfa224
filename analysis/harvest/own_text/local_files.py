"""Where the SAE and the model of a bundle are on this machine.

A bundle holds their names and content hashes, not their places. Whether files are those of the
bundle is decided by the hash after they are read. Nothing is downloaded because a bundle names it.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from analysis.bundle import Bundle
from analysis.runtime.cache_folder import cache_folder
from analysis.runtime.errors import InputError

MODELS = "CLEARWATER_MODELS"
"""Environment variable that names folders with saved SAEs and models."""
_HOME = Path(__file__).resolve().parents[3]
_HUB = re.compile(r"[\w.-]+/[\w.-]+(:[^@]*)?(@[\w./-]+)?|[\w.-]+:[\w./-]+", re.ASCII)
"""A repository of the Hugging Face hub, or a release of SAELens: only its cache is read."""


def search_folders(bundle: Path) -> list[Path]:
    """The folders that are searched: those of the variable come first."""
    named = [Path(name) for name in os.environ.get(MODELS, "").split(os.pathsep) if name]
    places = [_HOME / "data" / "sae", cache_folder() / "models", bundle.parent]
    return list(dict.fromkeys((*named, *places)))


def saes_of(bundle: Bundle) -> list[str]:
    """The places at which the SAE of a bundle may be; raises InputError if there are none."""
    name = bundle.manifest.sae.name
    return _places(name, search_folders(bundle.path)) or _missing(f"The SAE {name[:80]}")


def models_of(bundle: Bundle) -> list[str]:
    """The same of its model; raises InputError also if the bundle has no model."""
    model = bundle.manifest.model
    if model is None:
        raise InputError(
            "This bundle was made of imported activations, so there is no model to read a text "
            "with; build a bundle from model and corpus."
        )
    places = _places(model.name, search_folders(bundle.path))
    return places or _missing(f"The model {model.name[:80]}")


def _places(name: str, folders: Iterable[Path]) -> list[str]:
    """A name in a folder or one level below it, or in the cache of the hub."""
    if _HUB.fullmatch(name) and ".." not in name:
        return [name]
    if not name or name in (".", "..") or Path(name).name != name:
        return []
    places: list[Path] = []
    for folder in folders:
        below = sorted(path for path in folder.glob("[!.]*/") if path.is_dir())
        places += [place / name for place in (folder, *below) if (place / name).exists()]
    return [str(path) for path in dict.fromkeys(places)]


def _missing(what: str) -> list[str]:
    raise InputError(
        f"{what} of this bundle is not on this machine, and reading a text needs it; start the "
        f"dashboard with {MODELS} set to the folder that holds it."
    )
