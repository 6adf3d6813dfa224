"""Every error of reading becomes one sentence that names the file and no folder of the server."""

from pathlib import Path

import pyarrow as pa
import pytest

from analysis.bundle.damage import changed, damaged, reading
from analysis.runtime.errors import InputError

FILE = Path("/secret/place/mine/tokens.parquet")


def test_messages_do_not_name_folders_above_the_bundle() -> None:
    for error in (damaged(FILE, "is bad"), changed(FILE)):
        assert str(error).startswith("mine/tokens.parquet: ")
        assert "secret" not in str(error)


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (pa.ArrowInvalid("odd"), "cannot be decoded"),
        (OSError("CRC checksum verification failed"), r"\(page checksum\)"),
        (MemoryError(), "cannot be decoded"),
        (FileNotFoundError(), "was replaced or removed"),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "odd"), "cannot be decoded"),
    ],
)
def test_errors_of_the_reader(raised: Exception, message: str) -> None:
    with pytest.raises(InputError, match=message), reading(FILE):
        raise raised


def test_bad_input_and_bugs_pass() -> None:
    with pytest.raises(InputError, match=r"^as it is$"), reading(FILE):
        raise InputError("as it is")
    with pytest.raises(KeyError), reading(FILE):
        raise KeyError("a bug")
