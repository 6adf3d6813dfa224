"""Settings have defaults, are checked, and each is one option of the command line."""

from dataclasses import FrozenInstanceError, asdict, fields, replace
from pathlib import Path

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from analysis.__main__ import app
from analysis.bundle import Parameters
from analysis.labels.requested import LabelSources
from analysis.saes import Overrides
from analysis.settings import (
    BuildRequest,
    LabelSettings,
    RefreshRequest,
    Resources,
    SaeReading,
    TextInput,
)


def test_a_build_needs_an_sae_and_a_folder() -> None:
    request = BuildRequest(sae="s", out="bundles/mine", corpus="c.txt")  # type: ignore[arg-type]
    assert (request.out, request.corpus) == (Path("bundles/mine"), Path("c.txt"))
    assert request.parameters == Parameters()
    assert request.labels == LabelSettings()
    assert request.memory_bytes == 512_000_000
    assert (request.model, request.activations, request.scheduler) == (None, None, None)
    assert replace(request, hook="h").hook == "h"
    with pytest.raises(FrozenInstanceError):
        request.sae = "t"  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong", [{"out": None}, {"memory_bytes": 0}, {"parameters": {"seeds": 1}}, {"corpus": 3}]
)
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BuildRequest(**{"sae": "s", "out": Path("o"), **wrong})  # type: ignore[arg-type]


def test_a_refresh_keeps_the_settings_of_the_bundle() -> None:
    request = RefreshRequest(bundle=Path("a"), sae="s", out=Path("b"))
    assert request.parameters is None and request.overrides is None
    assert request.labels == LabelSettings()


def test_megabytes_are_a_million_bytes() -> None:
    assert Resources().memory_bytes == BuildRequest(sae="s", out=Path("o")).memory_bytes
    assert Resources(memory=64).memory_bytes == 64_000_000


@pytest.mark.parametrize(
    "option", ["--memory=63", "--label-latents=-1", "--tokens=0", "--active-above=-0.1"]
)
def test_values_out_of_range_are_refused(option: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["build", "--sae", "s", "--out", str(tmp_path), option])
    assert result.exit_code == 2 and option.partition("=")[0] in result.output


def test_the_rooms_use_the_same_fields() -> None:
    assert asdict(Overrides(format="openai")) == asdict(SaeReading(format="openai"))
    own = [f.name for f in fields(LabelSettings)]
    assert [f.name for f in fields(LabelSources)] == [*own, "sae"]


FLAGS = {
    "build": (
        "--split --text-column --dry-run "
        "--sink-norm --block-tokens --dtype --device --batch-tokens "
        "--sae --out --model --corpus --hook --prepend-bos --no-prepend-bos --activations "
        "--tokens-file --tokens --seed --active-above --null-draws --explanations --label-model "
        "--label-endpoint --label-endpoint-model --label-latents --memory --scheduler --format "
        "--transpose --no-transpose --centre-input --no-centre-input --subtract-b-dec "
        "--no-subtract-b-dec --normalise --input-scale"
    ),
    "refresh": (
        "--sae --out --seed --explanations --label-model --label-endpoint --label-endpoint-model "
        "--label-latents --memory --scheduler --format --transpose --no-transpose --centre-input "
        "--no-centre-input --subtract-b-dec --no-subtract-b-dec --normalise --input-scale"
    ),
    "count": "--out --unit --window --above --partners --minimum-joint --memory --scheduler",
    "inspect": (
        "--split --text-column "
        "--block-tokens --dtype --device --batch-tokens "
        "--model --corpus --hook --tokens --prepend-bos --no-prepend-bos --columns --format "
        "--transpose --no-transpose --centre-input --no-centre-input --subtract-b-dec "
        "--no-subtract-b-dec --normalise --input-scale"
    ),
    "convert": (
        "--out --format --transpose --no-transpose --centre-input --no-centre-input "
        "--subtract-b-dec --no-subtract-b-dec --normalise --input-scale"
    ),
    "list": "",
}


@pytest.mark.parametrize("command", FLAGS)
def test_commands_have_exactly_these_options(command: str) -> None:
    """Scripts of users depend on them."""
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "300"})
    assert result.exit_code == 0
    words = {word for line in result.output.splitlines() for word in line.split()[:5]}
    shown = {word for word in words if word.startswith("--")}
    assert shown == {*FLAGS[command].split(), "--help"}


@pytest.mark.parametrize("command", FLAGS)
def test_help_fits_a_terminal_of_80_columns(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "80"})
    assert max(map(len, result.output.splitlines())) <= 80


@pytest.mark.parametrize("group", [SaeReading, LabelSettings, TextInput, Resources])
def test_every_option_of_a_group_has_a_flag_and_a_help(group: type) -> None:
    for entry in fields(group):
        hint = group.__annotations__[entry.name]
        [option] = hint.__metadata__
        assert option.default.startswith("--")
        assert option.help[0].isupper() or option.help.startswith(("none", "transformers"))
        assert option.help.endswith(".")
