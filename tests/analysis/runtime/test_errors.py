"""Bad input is told apart from bugs: the console shows its message and no traceback."""

import pytest
from typer.testing import CliRunner

from analysis.__main__ import app
from analysis.runtime.errors import InputError


def test_the_message_is_kept_unchanged() -> None:
    with pytest.raises(ValueError, match=r"^sae\.pt: it is empty; copy it again\.$"):
        raise InputError("sae.pt: it is empty; copy it again.")


def test_the_command_line_shows_the_message_without_a_traceback() -> None:
    result = CliRunner().invoke(app, ["inspect", "/no/such/folder"])
    assert result.exit_code != 0
    assert not isinstance(result.exception, InputError)
    shown = " ".join(result.output.split())
    assert "/no/such/folder" in shown and "Traceback" not in shown
