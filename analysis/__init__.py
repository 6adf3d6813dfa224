"""Clearwater's analysis: a saved SAE, a model and a corpus become a bundle.

The Python API:

    from analysis import BuildRequest, build_bundle, load_sae, open_bundle

    bundle = open_bundle("data/demo")            # an open bundle; its tables are Arrow tables
    sae = load_sae("data/sae/...")               # a saved SAE of any known format
    bundle = build_bundle(BuildRequest(sae="data/sae/...", model="smollm2-135m",
                                       corpus="corpus.parquet", out="bundles/mine"))
    bundle = refresh_bundle(RefreshRequest(bundle="bundles/mine", sae="data/sae/...",
                                           out="bundles/new"))

Names are resolved on first use, so importing this package or opening a bundle loads no torch.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.build import build_bundle, refresh_bundle
    from analysis.bundle import Bundle, Parameters, open_bundle
    from analysis.runtime.errors import InputError
    from analysis.saes import load_sae
    from analysis.settings import BuildRequest, LabelSettings, RefreshRequest, SaeReading

__all__ = [
    "BuildRequest",
    "Bundle",
    "InputError",
    "LabelSettings",
    "Parameters",
    "RefreshRequest",
    "SaeReading",
    "build_bundle",
    "load_sae",
    "open_bundle",
    "refresh_bundle",
]

_MODULES = {
    "BuildRequest": "analysis.settings",
    "Bundle": "analysis.bundle",
    "InputError": "analysis.runtime.errors",
    "LabelSettings": "analysis.settings",
    "Parameters": "analysis.bundle",
    "RefreshRequest": "analysis.settings",
    "SaeReading": "analysis.settings",
    "build_bundle": "analysis.build",
    "load_sae": "analysis.saes",
    "open_bundle": "analysis.bundle",
    "refresh_bundle": "analysis.build",
}

# Otherwise numba loads a second OpenMP runtime next to that of torch, and two pools of spinning
# threads make a forward pass eight times slower.
os.environ.setdefault("NUMBA_THREADING_LAYER", "workqueue")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
