"""Every range of numbers has its limits in every bundle."""

from analysis.bundle import TABLES, Bundle
from analysis.bundle.ranges import Limits, Range, longest, unit_range
from tests.bundles.hand_made import limits


def test_the_limits_follow_from_the_counts() -> None:
    bounds = limits().bounds
    assert bounds[Range.LATENT] == (0, 9)
    assert bounds[Range.LATENTS] == (0, 10)
    assert bounds[Range.CLUSTER] == (0, 4)
    assert bounds[Range.LEVEL] == (0, 1)
    assert bounds[Range.TOKEN_ROW] == (0, 119)
    assert bounds[Range.TOKENS] == (0, 100)
    assert bounds[Range.DOCUMENTS] == (0, 7)


def test_every_column_has_a_range(planted_bundle: Bundle) -> None:
    known = Limits.of(planted_bundle.manifest, 1).bounds
    texts = {Range.TOKEN, Range.TEXT, Range.BOOLEAN, Range.DOCUMENT}
    for schema in TABLES.values():
        for column in schema:
            stated = column.metadata[b"range"].decode()
            words = column.metadata[b"unit"] == b"word"
            assert words or Range(stated) in known or Range(stated) in texts


def test_texts_are_longer_than_tokens() -> None:
    assert (longest(Range.TOKEN), longest(Range.TEXT)) == (256, 4_096)
    assert unit_range("text") == Range.TEXT


def test_tokens_have_256_characters_and_texts_4096() -> None:
    assert Range.TOKEN.value == "at most 256 characters"
    assert Range.TEXT.value == "at most 4,096 characters"


def test_a_rounded_fraction_may_be_outside_by_a_ten_thousandth() -> None:
    assert limits().bounds[Range.FRACTION] == (-0.0001, 1.0001)
    assert limits().bounds[Range.COSINE] == (-1.0001, 1.0001)
