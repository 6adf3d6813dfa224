"""The parts of the measurement in the browser that need no browser."""

import pytest

from bench.bench_browser import print_medians


def test_the_median_of_each_number_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_medians("map", [{"paint s": 1.0}, {"paint s": 9.0}, {"paint s": 2.0}])
    assert capsys.readouterr().out.split() == ["map", "paint", "s", "2"]
