"""Partners of a latent in a range of its activation, with the document test beside them.

The latent counts as active only where its activation is in the range. Its stored partners are
counted on these tokens, so the cost does not depend on the number of latents. Each partner is
tested with the null of `document_null`: tokens of one document are not independent, so that a few
documents could make a partner look typical of the range. The q-values correct for the partners
that are tested.
"""

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.cooccurrence.association import MEASURES, TwoByTwo
from analysis.cooccurrence.document_null import document_permutation, strata_of
from analysis.cooccurrence.fdr import benjamini_hochberg
from analysis.cooccurrence.null_models import Positions
from analysis.latents.activation_range import tokens_in_range
from analysis.runtime.arrays import Ints


def regime_partners(
    bundle: Bundle, latent: int, low: float, high: float, measure: str = "phi"
) -> pa.Table:
    """The stored partners of a latent on the tokens where its activation is from `low` to `high`.

    Columns: partner; joint_tokens in the range; share (of the tokens in the range on which the
    partner is active) and share_outside (of the latent's other active tokens); the measure, with
    the range in place of the latent; joint_documents and their number expected_documents if
    documents are permuted; q_value of the document test (as many or more). The strongest partner
    comes first, and partners whose measure is not positive are left out. Raises KeyError for an
    unknown measure.
    """
    rows, _ = tokens_in_range(bundle, latent, low, high)
    every, _ = bundle.activations.of_latent(latent)
    stored = bundle.partners.of(latent)
    partners = np.unique(stored["partner"].to_numpy()).astype(np.int64)
    whole = dict(
        zip(stored["partner"].to_pylist(), stored["joint_tokens"].to_pylist(), strict=True)
    )
    tokens = [own.astype(np.int64) for _, own, _ in bundle.activations.each_of(partners)]
    joint = np.array([len(np.intersect1d(rows, own, True)) for own in tokens], dtype=np.int64)
    outside = np.array([whole[i] for i in partners.tolist()], dtype=np.int64) - joint
    counts = bundle.latents["active_tokens"].to_numpy()[partners]
    table = TwoByTwo.from_margins(joint, len(rows), counts, bundle.manifest.tokens)
    tests = _document_tests(bundle, rows, tokens)
    result = pa.table(
        {
            "partner": pa.array(partners, pa.int32()),
            "joint_tokens": joint,
            "share": joint / max(len(rows), 1),
            "share_outside": outside / max(len(every) - len(rows), 1),
            measure: MEASURES[measure].of(table),
            "joint_documents": tests[0],
            "expected_documents": tests[1],
            "q_value": tests[2],
        }
    )
    result = result.filter(pa.array(result[measure].to_numpy() > 0))
    return result.sort_by([(measure, "descending"), ("partner", "ascending")])


def _document_tests(
    bundle: Bundle, rows: Ints, partners: list[Ints]
) -> tuple[Ints, np.ndarray, np.ndarray]:
    """Joint documents, their mean under the null, and q, of the range with each partner [n]."""
    if not partners:
        nothing = np.empty(0)
        return nothing.astype(np.int64), nothing, nothing
    kept = bundle.kept_tokens
    lists = [rows, *partners]
    positions = Positions(
        kept.before[np.concatenate(lists)].astype(np.int64),
        np.cumsum([len(one) for one in lists]),
    )
    pairs = np.column_stack([np.zeros(len(partners), np.int64), np.arange(1, len(lists))])
    tests = document_permutation(positions, kept, strata_of(kept), pairs)
    return (
        tests.observed.astype(np.int64),
        tests.expected,
        benjamini_hochberg(tests.p_more, len(partners)),
    )
