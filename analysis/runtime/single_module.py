"""Import one module of a package, without what the package imports for its other users."""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def single_module(package: str, name: str) -> ModuleType:
    """The module `package.name`; of the package, only what this module itself imports is run.

    A later `import` of the package runs it as usual, and shares these modules.
    Raises ModuleNotFoundError if there is no such package or module.
    """
    if package in sys.modules:
        return import_module(f"{package}.{name}")
    spec = find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    bare = ModuleType(package)
    bare.__spec__, bare.__path__ = spec, list(spec.submodule_search_locations or ())
    sys.modules[package] = bare
    try:
        return import_module(f"{package}.{name}")
    finally:
        del sys.modules[package]
