"""Who writes a note in the mode *local*."""

import getpass

import pytest

from pages.widgets.author import UNKNOWN, author


def test_it_is_the_user_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert author() == "ada"


def test_a_user_without_a_name_can_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert author() == UNKNOWN
