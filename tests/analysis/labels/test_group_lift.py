"""The member lift of a group beside that of as many other latents."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.labels.corpus_terms import CorpusTerms, corpus_terms
from analysis.labels.enrichment import SampledLatents, sampled_latents
from analysis.labels.evidence import token_evidence
from analysis.labels.group_lift import _summary, group_lifts
from analysis.labels.member_lifts import member_lifts, word_votes
from analysis.labels.split import split_tokens
from tests.planted import DENSE, INDEPENDENT, LATENTS


@pytest.fixture(scope="module")
def corpus(planted_bundle: Bundle) -> CorpusTerms:
    return corpus_terms(planted_bundle)


def sample_of(bundle: Bundle, chosen: range) -> SampledLatents:
    return sampled_latents(bundle.activations, np.isin(np.arange(LATENTS), chosen))


def test_latents_of_a_topic_predict_each_other_and_random_ones_do_not(
    planted_bundle: Bundle, corpus: CorpusTerms
) -> None:
    topic, rest = group_lifts(planted_bundle, sample_of(planted_bundle, range(60, 70)), corpus)
    assert topic.lift > 5 and topic.share > 0.8 and topic.members >= 8
    assert rest.members <= 10 and rest.lift < topic.lift / 3
    bursty, _ = group_lifts(planted_bundle, sample_of(planted_bundle, INDEPENDENT), corpus)
    assert bursty.lift < 2


def test_the_lifts_are_those_of_the_whole_bundle(
    planted_bundle: Bundle, corpus: CorpusTerms
) -> None:
    # As many latents are left as are selected, so that the rest is not drawn.
    live = np.flatnonzero(planted_bundle.latents["active_tokens"].to_numpy() > 0)
    half = len(live) // 2
    sample = SampledLatents(live[:half], live[half : 2 * half], half, half)
    own, rest = group_lifts(planted_bundle, sample, corpus)
    split = split_tokens(planted_bundle.tokens, planted_bundle.manifest.parameters.seed)
    evidence = token_evidence(planted_bundle.activations, corpus.terms, naming=split.naming)
    (lifts,) = member_lifts(
        [[sample.selected, sample.rest]],
        word_votes(evidence, corpus.terms.first_piece),
        planted_bundle.activations,
        corpus.terms,
        held_out=split.held_out,
    )
    for group, lift, other in zip(
        (own, rest), np.split(lifts.lift, [half]), np.split(lifts.other_words, [half]), strict=True
    ):
        known = lift[np.isfinite(lift)]
        assert group.members == len(known)
        assert group.lift == pytest.approx(float(np.median(known)))
        assert group.share == pytest.approx(float(np.mean(known >= 5)))
        assert group.other_words == pytest.approx(float(np.nanmedian(other)))


def test_a_sample_of_documents_is_enough(planted_bundle: Bundle) -> None:
    part = corpus_terms(planted_bundle, most_tokens=planted_bundle.tokens.num_rows // 2)
    topics, _ = group_lifts(planted_bundle, sample_of(planted_bundle, range(160)), part)
    assert not part.is_whole and topics.members >= 80


def test_no_latents_and_one_latent_have_no_lift(
    planted_bundle: Bundle, corpus: CorpusTerms
) -> None:
    nothing, _ = group_lifts(planted_bundle, sample_of(planted_bundle, range(0)), corpus)
    assert nothing.members == 0 and np.isnan([nothing.lift, nothing.share]).all()
    one, _ = group_lifts(planted_bundle, sample_of(planted_bundle, range(60, 61)), corpus)
    assert one.members == 0 and np.isnan(one.lift)
    dense, rest = group_lifts(planted_bundle, sample_of(planted_bundle, DENSE), corpus)
    assert dense.members == 4 and rest.members <= 4


def test_the_share_counts_lifts_of_five_and_medians_leave_out_members_without_one() -> None:
    lift = np.array([5.0, 4.9, np.nan, 30.0, 1.0], dtype=np.float32)
    other = np.array([1.0, np.nan, np.nan, 3.0, 9.0], dtype=np.float32)
    summary = _summary(lift, other)
    assert (summary.members, summary.share, summary.other_words) == (4, 0.5, 3.0)
    assert summary.lift == pytest.approx((5.0 + 4.9) / 2)
