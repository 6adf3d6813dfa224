"""A module of a package without the rest of the package."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

from analysis.runtime.single_module import single_module

FILES = {
    "__init__": "from .slow import made\n",
    "slow": "from .base import ONE\nmade = [ONE]\n",
    "base": "ONE = object()\n",
    "wanted": "from .base import ONE\nfrom . import base\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = "package_of_four_modules"
    (tmp_path / name).mkdir()
    for module, text in FILES.items():
        (tmp_path / name / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for module in list(sys.modules):
        if module.partition(".")[0] == name:
            monkeypatch.delitem(sys.modules, module)
    return name


def test_the_rest_of_the_package_is_not_run(package: str) -> None:
    wanted = single_module(package, "wanted")
    assert wanted.ONE is wanted.base.ONE
    assert package not in sys.modules and f"{package}.slow" not in sys.modules
    assert single_module(package, "wanted") is wanted


def test_the_package_is_run_when_it_is_imported_later(package: str) -> None:
    wanted = single_module(package, "wanted")
    whole = import_module(package)
    assert whole.made == [wanted.ONE]
    assert single_module(package, "wanted") is wanted is import_module(f"{package}.wanted")


def test_a_package_that_is_loaded_is_used(package: str) -> None:
    whole = import_module(package)
    assert single_module(package, "wanted").ONE is whole.made[0]
    assert sys.modules[package] is whole


def test_what_is_missing_is_named(package: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"package_of_four_modules\.none"):
        single_module(package, "none")
    assert package not in sys.modules
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        single_module("no_such_package", "none")
