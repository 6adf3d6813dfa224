"""One damage of every kind: a complete reading of the bundle notices it, without a traceback."""

import random
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from analysis.bundle import TABLES, Bundle, open_bundle, verify
from analysis.bundle.ranges import LONGEST_TEXT
from analysis.runtime.errors import InputError
from tests.faults.damages import DAMAGES, Damage, hostile_manifest, huge_tokens

UNNOTICED = (hostile_manifest, huge_tokens)
"""Damages that may be harmless: some fields are only shown, and long texts are cut when read."""


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
    assert sentences or damage in UNNOTICED, done
    for sentence in sentences:
        assert "\n" not in sentence and sentence.endswith("."), sentence


@pytest.mark.parametrize("seed", range(6))
def test_a_huge_text_is_cut_or_noticed(seed: int, planted_bundle: Bundle, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(planted_bundle.path, tmp_path / "mine"))
    table, column = huge_tokens(folder, random.Random(seed)).split()[0].split(".")
    if noticed(folder):
        return
    texts = getattr(open_bundle(folder), table)[column]
    kind = TABLES[table].field(column).type
    if pa.types.is_list(kind):
        texts = pc.list_flatten(texts)
    longest = pc.max(pc.utf8_length(texts.cast(pa.string()))).as_py()
    assert 0 < longest <= LONGEST_TEXT
