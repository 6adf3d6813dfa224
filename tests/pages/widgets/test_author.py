"""Who writes a note in the mode *local*."""

import pytest

from pages.widgets.author import author


def test_it_is_the_user_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert author() == "ada"
