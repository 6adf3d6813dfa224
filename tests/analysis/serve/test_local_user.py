"""Who writes notes on a machine without login."""

import getpass

import pytest

from analysis.serve.local_user import UNKNOWN, local_user


def test_it_is_the_user_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    assert local_user() == "ada"


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("no user")])
def test_a_user_without_a_name_can_write(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert local_user() == UNKNOWN
