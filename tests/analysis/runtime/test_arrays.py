"""The names of array types say which numbers the arrays hold."""

from typing import Any, get_args

import numpy as np
import pytest

from analysis.runtime import arrays


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("Ints", np.int64),
        ("Int32s", np.int32),
        ("UInt32s", np.uint32),
        ("UInt64s", np.uint64),
        ("Floats", np.float64),
        ("Float32s", np.float32),
        ("Bools", np.bool_),
    ],
)
def test_each_name_has_its_dtype(name: str, dtype: Any) -> None:
    _, stored = get_args(getattr(arrays, name))
    assert get_args(stored) == (dtype,)
