"""Which sources are used, what they are called, and what makes two of them different."""

from pathlib import Path

import pytest

from analysis.labels.endpoint import Endpoint
from analysis.labels.proposers import LocalModel
from analysis.labels.requested import LabelSources
from analysis.runtime.errors import InputError


@pytest.fixture
def explanations(tmp_path: Path) -> Path:
    file = tmp_path / "labels.csv"
    file.write_text("latent,label\n2,the sea\n")
    return file


def test_imported_explanations_have_the_files_name(explanations: Path) -> None:
    imported = LabelSources(explanations=explanations).imported(3)
    assert imported.source == "imported: labels.csv"
    assert imported.texts == {2: "the sea"}
    assert LabelSources().imported(3).texts == {}


def test_a_model_is_local_or_behind_an_endpoint() -> None:
    assert LabelSources().proposer() is None
    assert LabelSources(model="folder").proposer() == LocalModel("folder")
    sources = LabelSources(endpoint="http://host/v1", endpoint_model="m")
    assert sources.proposer() == Endpoint("http://host/v1", "m")


def test_the_fingerprint_depends_on_every_setting_and_on_the_content(explanations: Path) -> None:
    assert LabelSources().fingerprint() == {}
    sources = [
        LabelSources(explanations=explanations),
        LabelSources(model="a"),
        LabelSources(endpoint="http://host/v1", endpoint_model="a"),
        LabelSources(endpoint="http://host/v1", endpoint_model="b"),
        LabelSources(model="a", latents=3),
    ]
    prints = [str(one.fingerprint()) for one in sources]
    explanations.write_text("latent,label\n2,the sky\n")
    prints.append(str(sources[0].fingerprint()))
    assert len(set(prints)) == 6


def test_latents_outside_the_sae_are_refused(explanations: Path) -> None:
    LabelSources(explanations=explanations).check(3)
    with pytest.raises(InputError, match="explains latent 2, but the SAE has 2 latents"):
        LabelSources(explanations=explanations).check(2)


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        (
            LabelSources(model="a", endpoint="http://host/v1", endpoint_model="b"),
            "not both",
        ),
        (LabelSources(endpoint="http://host/v1"), "together"),
        (LabelSources(endpoint_model="b"), "together"),
        (LabelSources(latents=1), "--label-latents needs --label-model or --label-endpoint"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    sources: LabelSources, problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        sources.check(3)


@pytest.mark.parametrize(
    "sources",
    [
        LabelSources(),
        LabelSources(model="a", latents=1),
        LabelSources(endpoint="http://host/v1", endpoint_model="b", latents=1),
    ],
)
def test_settings_that_fit_are_accepted(sources: LabelSources) -> None:
    sources.check(3)
