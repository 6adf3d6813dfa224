"""Addresses of notes databases."""

from pathlib import Path

import pytest

from analysis.notes.address import check_address, local_address
from analysis.runtime.errors import InputError


@pytest.mark.parametrize(
    "address",
    [
        *("", "notes.sqlite", "mysql://me:secret@host/db", "sqlite://", "sqlite:///", "://"),
        *("sqlite", "sqlite:///:memory:", "sqlite:notes", "postgresql", "postgresql:/host"),
    ],
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(InputError, match="write it like sqlite:////var") as caught:
        check_address(address)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["sqlite:////var/notes.sqlite", "sqlite:///a", "postgresql://me@host/db?x=1"]
)
def test_both_databases_have_addresses(address: str) -> None:
    check_address(address)


def test_the_local_database_is_among_the_data_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    address = local_address()
    check_address(address)
    assert address.startswith(f"sqlite:///{tmp_path}") and address.endswith("/notes.sqlite")
