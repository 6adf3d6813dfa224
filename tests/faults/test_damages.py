"""One damage of every kind: a complete reading of the bundle notices it, without a traceback."""

import random
import shutil
from pathlib import Path

import pytest

from analysis.bundle import Bundle, open_bundle, verify
from analysis.runtime.errors import InputError
from tests.faults.damages import DAMAGES, Damage, hostile_manifest


def noticed(folder: Path) -> list[str]:
    """The sentences about a damaged bundle."""
    try:
        reports = list(verify(open_bundle(folder)))
    except InputError as error:
        return [str(error)]
    return [report.problem for report in reports if report.problem]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_noticed(
    damage: Damage, seed: int, planted_bundle: Bundle, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(planted_bundle.path, tmp_path / "mine"))
    done = damage(folder, random.Random(f"{damage.__name__} {seed}"))
    sentences = noticed(folder)
    assert sentences or damage is hostile_manifest, done
    for sentence in sentences:
        assert "\n" not in sentence and sentence.endswith("."), sentence
