"""A field of any length is read inside, and the limit of the process stays what it was."""

import csv
from concurrent.futures import ThreadPoolExecutor

import pytest

from analysis.runtime.csv_fields import long_fields

LONG = "x" * 200_000


def test_long_fields_are_read_inside_and_refused_outside() -> None:
    usual = csv.field_size_limit()
    with long_fields(1 << 20):
        assert list(csv.reader([LONG])) == [[LONG]]
    assert csv.field_size_limit() == usual
    with pytest.raises(csv.Error):
        list(csv.reader([LONG]))


def test_the_limit_is_restored_after_an_error_and_among_threads() -> None:
    usual = csv.field_size_limit()

    def fail(_: int) -> None:
        with pytest.raises(ValueError, match="inside"), long_fields(1 << 20):
            assert list(csv.reader([LONG])) == [[LONG]]
            raise ValueError("inside")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fail, range(40)))
    assert csv.field_size_limit() == usual
