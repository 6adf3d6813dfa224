"""The file of tours: read, tested and refused with a sentence."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from analysis.bundle import Bundle, open_bundle
from analysis.runtime.errors import InputError
from analysis.selection.tours.finding_evidence import Evidence
from analysis.selection.tours.tour import (
    MOST_BYTES,
    TOURS,
    CheckedTour,
    Tour,
    checked_tours,
    read_tours,
)
from tests.planted import INDEPENDENT

DUPLICATES: dict[str, Any] = {
    "title": "Two latents that are one",
    "sentence": "They fire on the same words.",
    "page": "pair",
    "query": {"latent": "1", "partner": "8"},
    "finding": {"kind": "shared_tokens", "a": 1, "b": 8},
}
UNRELATED = DUPLICATES | {
    "finding": {"kind": "shared_tokens", "a": INDEPENDENT[0], "b": INDEPENDENT[1]}
}


@pytest.fixture
def toured(planted_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted_bundle.path, tmp_path / "toured"))


def test_a_bundle_without_the_file_has_no_tours(planted_bundle: Bundle) -> None:
    assert checked_tours(planted_bundle) == []


def test_a_tour_holds_while_its_finding_does(toured: Path) -> None:
    (toured / TOURS).write_text(json.dumps([DUPLICATES, UNRELATED]), encoding="utf-8")
    bundle = open_bundle(toured)
    tours = checked_tours(bundle)
    assert [checked.holds for checked in tours] == [True, False]
    assert tours[0].tour.query == {"latent": "1", "partner": "8"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "the file: Invalid JSON"),
        (json.dumps([DUPLICATES | {"page": "settings"}]), "0.page"),
        (json.dumps([DUPLICATES | {"colour": "red"}]), "0.colour"),
        (json.dumps([DUPLICATES | {"finding": {"kind": "luck"}}]), "0.finding"),
        (json.dumps([DUPLICATES | {"title": ""}]), "0.title"),
        (json.dumps({"about": "Letters."}), "tours: Field required"),
        (" " * (MOST_BYTES + 1), "more than 100,000 bytes"),
    ],
)
def test_a_wrong_file_is_refused_with_a_sentence(toured: Path, content: str, problem: str) -> None:
    (toured / TOURS).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=problem) as refused:
        read_tours(open_bundle(toured))
    assert TOURS in str(refused.value) and "\n" not in str(refused.value)


def test_a_folder_in_the_place_of_the_file_is_named(toured: Path) -> None:
    (toured / TOURS).mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        read_tours(open_bundle(toured))


def test_a_finding_holds_up_to_a_q_of_one_in_twenty() -> None:
    tour = Tour.model_validate(DUPLICATES)
    held = [CheckedTour(tour, Evidence("", "", "", p, 4)).holds for p in (0.0125, 0.0126)]
    assert held == [True, False]


def test_a_file_of_the_largest_size_is_read(toured: Path) -> None:
    text = json.dumps([DUPLICATES])
    (toured / TOURS).write_text(text + " " * (100_000 - len(text)), encoding="utf-8")
    assert len(read_tours(open_bundle(toured)).tours) == 1


def test_a_file_can_also_describe_the_text(toured: Path) -> None:
    content = {"about": "Letters of sailors.", "tours": [DUPLICATES]}
    (toured / TOURS).write_text(json.dumps(content), encoding="utf-8")
    described = read_tours(open_bundle(toured))
    assert described.about == "Letters of sailors."
    (toured / TOURS).write_text(json.dumps([DUPLICATES]), encoding="utf-8")
    only_tours = read_tours(open_bundle(toured))
    assert (only_tours.about, only_tours.tours) == ("", described.tours)
