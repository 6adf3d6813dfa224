"""Names of clusters of latents that fire on given words of a random text."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from analysis.labels.cluster_names import LEAST_GAIN, MIXED, MOST_TERMS, NAMED, ClusterName
from analysis.labels.cluster_names import cluster_names as names_of
from analysis.labels.descriptions import Kind, readable_terms
from analysis.labels.evidence import token_evidence
from analysis.labels.split import Split, split_tokens
from analysis.labels.terms import token_terms
from tests.analysis.labels.corpora import stored_activations, token_table

Latent = Mapping[str, float]
"""The activation of a latent on each token that it fires on, in every document."""

WORDS = [f" {first}{vowel}x" for first in "bcdfghklmnprstvz" for vowel in "aeo"]
TEXT = [" whale", " ship", " tide", " change", " changes", " changed", ",", ",", ",", ".", " raise"]
PHRASE = [" New", " York", ";"]
PIECES = [
    *PHRASE,
    " A",
    "j",
    "oute",
    " E",
    "j",
    "emplo",
    " gr",
    "ü",
    "n",
    " f",
    "ö",
    "hn",
    " K",
    "ä",
    "se",
]
DOCUMENTS = 12


def _documents() -> list[list[str]]:
    """Each document has every word once, in another order; the pieces of a word stay together."""
    rng = np.random.default_rng(0)
    joined = ["".join(PIECES[i : i + 3]) for i in range(0, len(PIECES), 3)]
    words = [*WORDS, *TEXT, *joined]
    parts = dict(zip(joined, (PIECES[i : i + 3] for i in range(0, len(PIECES), 3)), strict=True))
    texts = ([words[i] for i in rng.permutation(len(words))] for _ in range(DOCUMENTS))
    return [[part for word in text for part in parts.get(word, [word])] for text in texts]


TOKENS = token_table(*_documents())
SPLIT = split_tokens(TOKENS, 0)
TEXTS = np.array([text for document in _documents() for text in document])


def _fires(latent: Latent) -> np.ndarray:
    return np.array([latent.get(text, 0) for text in TEXTS.tolist()])


def _named(
    clusters: Sequence[Sequence[Latent | np.ndarray]], levels: Sequence[int] = ()
) -> list[ClusterName]:
    latents = [latent for cluster in clusters for latent in cluster]
    values = np.stack([one if isinstance(one, np.ndarray) else _fires(one) for one in latents], 1)
    terms = token_terms(TOKENS, SPLIT.naming)
    ends = np.cumsum([len(cluster) for cluster in clusters])
    with TemporaryDirectory() as folder:
        activations = stored_activations(Path(folder), values)
        return names_of(
            np.split(np.arange(len(latents)), ends[:-1]),
            [("decoder", level) for level in levels or [0] * len(clusters)],
            token_evidence(activations, terms, naming=SPLIT.naming),
            terms,
            readable_terms(terms),
            activations,
            SPLIT,
        )


def _others(total: float, first: int = 0, number: int = 16) -> Latent:
    """Activation on words that no other latent has."""
    return dict.fromkeys(WORDS[first : first + number], total / number)


def test_a_name_has_the_terms_that_add_most_of_the_activation() -> None:
    sea, law = _named([[{" whale": 1}] * 3 + [{" ship": 1}] * 2, [{" raise": 1, ",": 0.01}] * 2])
    assert sea.text == "whale · ship"
    assert (sea.holders, sea.members, sea.terms) == (5, 5, ["whale", "ship"])
    assert sea.share == pytest.approx(1)
    assert law.text == "raise"


def test_a_term_of_one_member_is_not_shared() -> None:
    (name,) = _named([[{" whale": 1}] * 3 + [{" ship": 1}]])
    assert (name.text, name.holders, name.members) == ("whale", 3, 4)
    assert name.share == pytest.approx(0.75)


@pytest.mark.parametrize(("second", "is_named"), [(0.13, True), (0.09, False)])
def test_a_further_term_adds_a_part_of_what_is_named(second: float, is_named: bool) -> None:
    """The bounds are .12 of 1 - s: s = .107."""
    (name,) = _named([[{" whale": 1 - second, " ship": second}] * 3])
    assert (name.text == "whale · ship") == is_named
    assert name.share == pytest.approx(1 if is_named else 1 - second)


@pytest.mark.parametrize(("number", "is_named"), [(9, True), (15, False)])
def test_a_term_adds_a_hundredth(number: int, is_named: bool) -> None:
    """Two members have 6 % of their activation on it: .0133 of nine, .008 of fifteen."""
    holders = [{" whale": 0.06, " ship": 0.06, **_others(0.88)}] * 2
    rest = [{" whale": 0.06, **_others(0.94, 16)}, {" whale": 0.06, **_others(0.94, 32)}]
    (name,) = _named([holders + [rest[i % 2] for i in range(number - 2)]])
    assert ("ship" in name.terms) == is_named or len(name.terms) == MOST_TERMS
    assert LEAST_GAIN == 0.01


def test_a_word_stands_for_its_forms_and_the_commonest_is_named() -> None:
    members = [{" change": 1}, {" changes": 3, " change": 1}, {" changed": 1}, {" changes": 1}]
    (name,) = _named([members])
    assert name.text == "changes"
    assert name.share == pytest.approx(1)
    assert name.holders == 4


def test_of_two_common_forms_the_commoner_is_named() -> None:
    (name,) = _named([[{" change": 2, " changes": 3}] * 2])
    assert name.text == "changes"


def test_a_word_comes_before_its_phrase() -> None:
    (name,) = _named([[{" York": 1}] * 2])
    assert name.text == "York"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.52, "whale"), (0.48, "whale + others"), (0.12, "whale + others"), (0.08, "mixed: whale")],
)
def test_a_name_says_that_there_are_others(share: float, text: str) -> None:
    rest = [_others(1 - share, first) for first in (0, 16, 32)]
    (name,) = _named([[{" whale": share, **own} for own in rest]])
    assert name.text == text
    assert name.share == pytest.approx(share)
    assert (NAMED, MIXED) == (0.5, 0.1)


def test_a_name_has_at_most_four_terms() -> None:
    words = [" whale", " ship", " tide", " change", " raise"]
    (name,) = _named([[{word: 1} for word in words for _ in range(2)]])
    assert len(name.terms) == MOST_TERMS == 4
    assert name.share == pytest.approx(0.8)


def test_a_share_is_that_of_the_half_where_it_is_smaller() -> None:
    first = SPLIT.naming & ~SPLIT.second_half
    values = np.where(first, _fires({" whale": 1}), _fires({" whale": 1, " ship": 3}))
    single = np.where(first, _fires({" tide": 1}), _fires(_others(1)))
    name, one_half = _named([[values] * 2, [single] * 2])
    assert name.text == "whale · ship"
    assert name.share == pytest.approx(1)
    assert one_half.text == "tide + others"
    assert one_half.share == pytest.approx(0)


def test_a_half_without_activation_does_not_count() -> None:
    first = SPLIT.naming & ~SPLIT.second_half
    rest = [np.where(first, _fires({" whale": 0.15, **_others(0.85, i)}), 0) for i in (0, 16)]
    (name,) = _named([rest])
    assert name.text == "whale + others"
    assert name.share == pytest.approx(0.15)


def test_held_out_documents_have_no_part() -> None:
    values = np.where(SPLIT.held_out, _fires({" ship": 9}), _fires({" whale": 1}))
    (name,) = _named([[values] * 2])
    assert (name.text, name.terms) == ("whale", ["whale"])
    assert name.share == pytest.approx(1)


def test_rare_words_come_before_common_signs() -> None:
    """Three commas for each whale: a comma is three times as common."""
    words, signs = _named([[{" whale": 1, ",": 1 / 3}] * 2, [{",": 1, " whale": 0.3}] * 2])
    assert words.text == "whale · commas"
    assert signs.text.startswith("commas")


def test_pieces_are_shown_in_a_word() -> None:
    (name,) = _named([[{"j": 1}] * 2])
    assert name.text in ("words with -j- (Ejemplo)", "words with -j- (Ajoute)")
    assert name.kinds == [Kind.MIDDLE]


def test_several_letters_are_a_group() -> None:
    letters = [{"ü": 1}, {"ö": 1}, {"ä": 1}]
    group, two, rare = _named(
        [letters * 2, [{"ü": 1}, {"ö": 1}] * 2, [{"ü": 1, "ö": 1, "ä": 0.06}] * 2]
    )
    assert group.text in (
        f"accented letters ({', '.join(order)})" for order in ("üöä", "äöü", "äüö", "öäü")
    )
    assert "accented" not in two.text
    assert "accented" not in rare.text


def test_text_after_a_word() -> None:
    after = np.append(False, TEXTS[:-1] == " raise") & (TEXTS != ",")
    comma = np.append(False, TEXTS[:-1] == ",")
    rare, common = _named([[after.astype(float)] * 2, [comma.astype(float)] * 2])
    assert rare.text == "text after “raise”"
    assert rare.share == pytest.approx(1)
    assert "after" in common.text


def test_names_are_distinct_within_a_level() -> None:
    cluster = [{" whale": 1, " ship": 0.1, " tide": 0.05}] * 2
    same = [{" raise": 1}] * 2
    names = [
        name.text for name in _named([cluster, cluster, same, same, same, same], [0, 0, 0, 0, 0, 1])
    ]
    assert names == ["whale", "whale · ship", "raise", "raise (2)", "raise (3)", "raise"]


def test_without_evidence_there_is_no_name() -> None:
    named, unnamed = _named([[{" whale": 1}] * 2, [{}, {}]])
    assert named.text == "whale"
    assert (unnamed.text, unnamed.terms) == ("", [])
    assert (unnamed.holders, unnamed.members, unnamed.share) == (0, 2, 0)


def test_members_that_share_nothing_are_named_by_their_best_terms() -> None:
    (name,) = _named([[{" whale": 1}, {" ship": 1}, {" tide": 1}, {" raise": 1}]])
    assert len(name.terms) == 3
    assert name.text.endswith(("whale", "ship", "tide", "raise"))


def test_the_split_is_not_empty() -> None:
    assert isinstance(SPLIT, Split)
    assert SPLIT.naming.any() and SPLIT.second_half.any() and SPLIT.held_out.any()
