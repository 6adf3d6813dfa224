"""The terms of a corpus in a script without spaces, with and without words of explanations."""

import numpy as np
import pytest

from analysis.bundle import write_table
from analysis.labels.naming_terms import NamingTerms, naming_terms
from analysis.labels.split import split_tokens
from analysis.labels.terms import token_terms
from tests.analysis.labels.corpora import stored_activations, token_table

WORDS = ["草莓", "大象", "水"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> NamingTerms:
    """One character per token; a latent fires on 草莓, none on 大象."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    others = [[WORDS[i] for i in row] for row in rng.choice([1, 2], (12, 15))]
    documents = [[word for other in row for word in (WORDS[0], other)] for row in others]
    fires = [[word == WORDS[0]] for row in documents for word in row for _ in word]
    activations = stored_activations(folder, np.array(fires, dtype=float))
    write_table(folder, "tokens", token_table(*(list("".join(row)) for row in documents)))
    return naming_terms(folder, activations, seed=3)


def words_of(shown: list[str], word: np.ndarray) -> set[str]:
    return {shown[i] for i in np.unique(word)}


def test_words_are_those_on_which_latents_fire(corpus: NamingTerms) -> None:
    assert words_of(corpus.terms.shown, corpus.terms.word) == {"草莓", "大", "象", "水"}
    without = token_terms(corpus.tokens)
    assert words_of(without.shown, without.word) == {"草", "莓", "大", "象", "水"}
    split = split_tokens(corpus.tokens, 3)
    assert np.array_equal(corpus.split.naming, split.naming) and split.held_out.any()
    counted = corpus.terms.word[split.naming]
    share = np.bincount(counted, minlength=len(corpus.terms.shown)) / len(counted)
    strawberry = corpus.terms.shown.index("草莓")
    assert corpus.terms.frequency[strawberry] == pytest.approx(share[strawberry])


def test_words_of_explanations_are_added_only_if_they_are_new(corpus: NamingTerms) -> None:
    assert corpus.with_words_of(["it is about 草莓", "and about nothing"]) is corpus.terms
    more = corpus.with_words_of(["大象"])
    assert words_of(more.shown, more.word) == {"草莓", "大象", "水"}
