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


@pytest.mark.parametrize(
    ("message", "public"),
    [
        ("/srv/my bundles/x/manifest.json: is damaged.", "manifest.json: is damaged."),
        ("bundles/x/tokens.parquet: has no tokens.", "tokens.parquet: has no tokens."),
        ("/data: is no folder; give one.", "data: is no folder; give one."),
        ("The file /srv/a b/c.csv is bad; see /srv/x/y.", "The file c.csv is bad; see y."),
        ("See '/srv/x/y' and (/srv/z).", "See 'y' and (z)."),
        ("~/x/y.json: is bad.", "y.json: is bad."),
        ("Selection: expected & or | at character 3, got a/b.",) * 2,
        ("demo: there is no latent 3; choose one from 0 to 2.",) * 2,
        ("A measure of tokens / documents and n10/n is unknown.",) * 2,
        ("https://host/x: does not answer.",) * 2,
    ],
)  # fmt: skip
def test_the_public_message_names_files_without_their_folders(message: str, public: str) -> None:
    error = InputError(message)
    assert error.public == public
    assert str(error) == message
