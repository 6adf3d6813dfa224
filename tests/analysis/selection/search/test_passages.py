"""The corpus in passages."""

from analysis.bundle import Bundle
from analysis.selection.search.passages import (
    CORE,
    OVERLAP,
    Passage,
    _cut,
    _Pending,
    passages,
)


def test_the_cores_are_the_corpus(planted_bundle: Bundle) -> None:
    tokens = planted_bundle.tokens["token"].cast("string").to_pylist()
    documents = planted_bundle.tokens["document"].to_pylist()
    row = 0
    for passage in passages(planted_bundle):
        core = passage.tokens[: passage.core]
        assert passage.first == row and 0 < passage.core <= CORE + OVERLAP
        assert core == tokens[row : row + passage.core]
        assert set(documents[row : row + passage.core]) == {passage.document}
        assert len(passage.tokens) - passage.core in (0, OVERLAP)
        row += passage.core
    assert row == len(tokens)


def test_a_token_has_the_word_that_contains_it() -> None:
    tokens = [" Wh", "aling", " ship", "s", ".", " ", "今", "日", "next"]
    passage = Passage(0, 0, 8, tokens)
    assert passage.words() == ["whaling", "whaling", "ships", "ships", ".", "", "今", "日"]


def lengths(tokens: list[str]) -> list[tuple[int, int, int]]:
    """First row, tokens of the core and all tokens of the passages of one document."""
    cut = _cut(_Pending(0, 5, tokens), is_whole=True)
    return [(passage.first, passage.core, len(passage.tokens)) for passage in cut]


def test_a_passage_has_256_tokens_and_16_of_the_next() -> None:
    assert lengths([" w"] * 272) == [(5, 272, 272)]
    assert lengths([" w"] * 273) == [(5, 256, 272), (261, 17, 17)]
    # A word is not cut, unless it is longer than the overlap.
    assert lengths([" w"] * 250 + ["x"] * 10 + [" w"] * 20)[0] == (5, 249, 265)
    assert lengths([" w"] * 230 + ["x"] * 60)[0] == (5, 256, 272)
