"""The terms of a corpus, whole and of an even sample of its documents."""

import numpy as np

from analysis.bundle import Bundle
from analysis.labels.corpus_terms import corpus_terms, held_out_rows
from analysis.labels.split import split_tokens
from analysis.labels.terms import token_terms


def test_a_small_corpus_is_read_whole(planted_bundle: Bundle) -> None:
    corpus, terms = corpus_terms(planted_bundle), token_terms(planted_bundle.tokens)
    assert corpus.is_whole and corpus.documents == planted_bundle.documents.num_rows
    assert np.array_equal(corpus.place, np.arange(planted_bundle.tokens.num_rows))
    assert corpus.terms.shown == terms.shown and np.array_equal(corpus.terms.word, terms.word)
    assert np.array_equal(corpus.kept, np.asarray(planted_bundle.tokens["kept"], bool))


def test_every_nth_document_of_a_large_corpus_is_read(planted_bundle: Bundle) -> None:
    tokens = planted_bundle.tokens
    corpus = corpus_terms(planted_bundle, most_tokens=tokens.num_rows // 4)
    document = tokens["document"].to_numpy()
    wanted = np.flatnonzero(np.isin(document, np.unique(document)[::4]))
    assert not corpus.is_whole and corpus.documents == -(-len(np.unique(document)) // 4)
    assert np.array_equal(np.flatnonzero(corpus.place >= 0), wanted)
    assert np.array_equal(corpus.place[wanted], np.arange(len(wanted)))
    terms = token_terms(tokens.take(wanted))
    assert np.array_equal(corpus.terms.word, terms.word) and corpus.terms.shown == terms.shown


def test_a_corpus_of_exactly_the_limit_is_read_whole(planted_bundle: Bundle) -> None:
    rows = planted_bundle.tokens.num_rows
    assert corpus_terms(planted_bundle, most_tokens=rows).is_whole
    assert not corpus_terms(planted_bundle, most_tokens=rows - 1).is_whole


def test_held_out_rows_are_those_of_the_labels(planted_bundle: Bundle) -> None:
    split = split_tokens(planted_bundle.tokens, planted_bundle.manifest.parameters.seed)
    assert np.array_equal(held_out_rows(planted_bundle), split.held_out)
    assert 0.2 < split.held_out.mean() < 0.4
