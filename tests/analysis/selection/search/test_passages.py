"""The corpus in passages."""

from analysis.bundle import Bundle
from analysis.selection.search.passages import CORE, OVERLAP, Passage, passages


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
