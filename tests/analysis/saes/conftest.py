"""Runs the tests of `FormatTests` on every case of a class's formats."""

import pytest

from tests.analysis.saes.cases import CASES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `case` every saved SAE of the formats that the test class names."""
    if "case" in metafunc.fixturenames and metafunc.cls is not None:
        cases = {name: case for name, case in CASES.items() if case.format in metafunc.cls.formats}
        metafunc.parametrize("case", cases.values(), ids=cases.keys())
