"""The evidence for what a tour shows. Each kind is tested on the tables of the bundle.

A tour is picked because it is striking, so its p-value is corrected for everything of its kind that
could have been picked. Where several latents must show the same, the largest of their p-values
counts (Berger 1982, the intersection-union test).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import stats

from analysis.bundle import Bundle, Space
from analysis.clusters.stability import WEAK, reappearing, weak
from analysis.cooccurrence.document_null import strata_of
from analysis.cooccurrence.significance import tests_of_pair
from analysis.labels.profiles.document_columns import document_columns
from analysis.labels.profiles.value_tests import chance_of_more, count_values, fires_in
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools, Floats, Int32s, Ints
from analysis.runtime.errors import InputError
from analysis.selection.tours.findings import (
    BeyondChance,
    Finding,
    FiresOn,
    NotTogether,
    SameInLanguages,
    SharedTokens,
)
from analysis.selection.tours.languages import NAMES, LanguageAgreement, agreement_of

TOGETHER = 2.0
"""Lift from which a member of a cluster fires together with the others."""


@dataclass(frozen=True)
class Evidence:
    """The test of one finding."""

    statement: str
    """What was counted, with N and the unit, as one sentence."""
    tested: str
    """What was tested against the null, as a phrase."""
    null: str
    """What is random under the null, as a phrase."""
    p: float
    """Of the finding under the null."""
    family: int
    """Alternatives among which the finding was picked."""

    @property
    def q(self) -> float:
        """The p-value after Bonferroni's correction for the choice, at most 1."""
        return min(1.0, self.p * self.family)


def evidence_of(bundle: Bundle, finding: Finding) -> Evidence:
    """Test a finding on a bundle. Raises InputError if it names what the bundle does not have."""
    match finding:
        case SharedTokens():
            return _shared_tokens(bundle, finding)
        case FiresOn():
            return _fires_on(bundle, finding)
        case NotTogether():
            return _not_together(bundle, finding)
        case BeyondChance():
            return _beyond_chance(bundle, finding)
        case SameInLanguages():
            return _same_in_languages(bundle, finding)


def _shared_tokens(bundle: Bundle, finding: SharedTokens) -> Evidence:
    a, b = (_known_latent(bundle, latent) for latent in (finding.a, finding.b))
    if a == b:
        raise InputError(f"{bundle.name}: a tour compares latent {a} with itself.")
    by_tokens, *_, test = tests_of_pair(bundle, a, b)  # the last one shifts
    first, second = (len(bundle.activations.of_latent(latent)[0]) for latent in (a, b))
    return Evidence(
        f"Latent {a} fires on {numbers.count(first)} tokens, {b} on {numbers.count(second)}, both "
        f"on {numbers.count(test.observed)}; N = {numbers.count(bundle.manifest.tokens)} tokens. "
        f"Expected on both: {numbers.short(by_tokens.expected)} if the two were independent, "
        f"{numbers.short(test.expected)} if one is shifted against the other inside each document.",
        "more tokens on both than if one is shifted",
        test.null,
        test.p_more,
        _pairs(_live(bundle)),
    )


def _fires_on(bundle: Bundle, finding: FiresOn) -> Evidence:
    columns = {c.name: c for c in document_columns(bundle.documents, bundle.document_values)}
    column = columns.get(finding.column)
    if column is None or finding.value not in column.values:
        raise InputError(
            f"{bundle.name}: no document has {finding.column} = {finding.value}; correct the tour."
        )
    kept = bundle.kept_tokens
    latents = [_known_latent(bundle, latent) for latent in finding.latents]
    counts = np.stack([_by_document(bundle, latent) for latent in latents])
    fires = fires_in(counts, kept.lengths)
    values = count_values(fires, column.codes, len(column.values), strata_of(kept))
    place = column.values.index(finding.value)
    lifts = values.observed[:, place] / np.maximum(values.expected[:, place], 1e-12)
    having = int((column.codes == place).sum())
    return Evidence(
        f"{_each(latents)} fires in at least {numbers.short(float(lifts.min()))} × as many of the "
        f"{numbers.count(having)} documents whose {finding.column} is {finding.value} as by "
        f"chance. Documents are counted (N = {numbers.count(len(column.codes))}), not tokens, "
        f"because a document has one {finding.column}.",
        "more documents than by chance" + (", for every latent" if len(latents) > 1 else ""),
        "the values are permuted among documents of similar length",
        float(chance_of_more(values)[:, place].max()),
        _live(bundle) * len(column.values),
    )


def _not_together(bundle: Bundle, finding: NotTogether) -> Evidence:
    clusters = bundle.clusters
    own = clusters.filter(pc.equal(clusters["cluster"], finding.cluster))
    if not own.num_rows:
        raise InputError(f"{bundle.name}: has no cluster {finding.cluster}, which a tour names.")
    members = bundle.memberships.filter(pc.equal(bundle.memberships["cluster"], finding.cluster))
    lifts = _lifts_among(bundle, members["latent"].to_numpy())
    together = int((lifts >= TOGETHER).sum())
    level = pc.and_(
        pc.equal(clusters["space"], own["space"][0]), pc.equal(clusters["level"], own["level"][0])
    )
    return Evidence(
        f"{numbers.count(together)} of {numbers.count(len(lifts))} members fire on the same tokens "
        f"as another member at least {TOGETHER:g} × as often as by chance; "
        f"N = {numbers.count(bundle.manifest.tokens)} tokens.",
        "fewer than half of the members do so (binomial test)",
        "at least half of the members do so",
        float(stats.binom.cdf(together, len(lifts), 0.5)),
        clusters.filter(level).num_rows,
    )


def _lifts_among(bundle: Bundle, members: Ints | Int32s) -> Floats:
    """How often each member [n] fires on the tokens of the others, over that by chance."""
    tokens = [bundle.activations.of_latent(int(latent))[0] for latent in members]
    rows, of_row = np.unique(np.concatenate(tokens), return_counts=True)
    lifts = np.zeros(len(tokens))
    for place, own in enumerate(tokens):
        by_row = of_row[np.searchsorted(rows, own)]
        shared, alone = int((by_row > 1).sum()), int((by_row == 1).sum())
        expected = len(own) * (len(rows) - alone) / bundle.manifest.tokens
        lifts[place] = shared / expected if expected else 0.0
    return lifts


def _beyond_chance(bundle: Bundle, finding: BeyondChance) -> Evidence:
    real = _reappear(bundle.clusters, finding.space)
    null = _reappear(bundle.null_clusters, finding.space)
    if not len(real) or not len(null):
        raise InputError(
            f"{bundle.name}: has no clusters of a null draw by {finding.space}, which a tour names."
        )
    believable = int((~np.asarray(weak(_finest(bundle.clusters, finding.space)))).sum())
    table = [[real.sum(), (~real).sum()], [null.sum(), (~null).sum()]]
    return Evidence(
        f"{numbers.count(int(real.sum()))} of {numbers.count(len(real))} clusters reappear "
        f"(stability and bootstrap of at least {WEAK:g}); of the clusters of one draw of random "
        f"data, {numbers.count(int(null.sum()))} of {numbers.count(len(null))} do. "
        f"{numbers.count(believable)} are reproducible, that is, also above all clusters of random "
        "data.",
        "a larger share than of the random data",
        "real clusters reappear as often as those of the null draw (Fisher's exact test)",
        float(stats.fisher_exact(table, alternative="greater").pvalue),
        1,
    )


def _same_in_languages(bundle: Bundle, finding: SameInLanguages) -> Evidence:
    agreement = agreement_of(bundle, _known_latent(bundle, finding.latent))
    return Evidence(
        f"Of the {numbers.count(agreement.passages)} passages with translations, it fires on "
        f"{_by_language(agreement)}. Of all languages, these agree best; q is corrected for this "
        "choice. Tokens that two of the translations share are left out.",
        "any two of these languages have more passages in common than by chance",
        "passages are paired at random",
        agreement.p,
        _live(bundle) * agreement.triples,
    )


def _by_language(agreement: LanguageAgreement) -> str:
    """Passages in each language, such as "5 in Czech, 6 in German and 7 in English"."""
    pairs = zip(agreement.counts, agreement.languages, strict=True)
    *others, last = (f"{numbers.count(n)} in {NAMES.get(code, code)}" for n, code in pairs)
    return f"{', '.join(others)} and {last}"


def _reappear(clusters: pa.Table, space: Space) -> Bools:
    """Which clusters of the finest level of a space reappear with other seeds and latents."""
    return np.asarray(reappearing(_finest(clusters, space)).to_numpy())


def _finest(clusters: pa.Table, space: Space) -> pa.Table:
    """The clusters of the finest level of a space."""
    return clusters.filter(
        pc.and_(pc.equal(clusters["space"], space), pc.equal(clusters["level"], 0))
    )


def _by_document(bundle: Bundle, latent: int) -> Ints:
    """The active tokens of a latent in each document [documents]."""
    kept = bundle.kept_tokens
    documents = kept.documents_of(bundle.activations.of_latent(latent)[0])
    return np.bincount(documents, minlength=len(kept.documents))


def _known_latent(bundle: Bundle, latent: int) -> int:
    if not 0 <= latent < bundle.latents.num_rows:
        raise InputError(f"{bundle.name}: has no latent {latent}, which a tour names.")
    return latent


def _live(bundle: Bundle) -> int:
    """Latents that are ever active."""
    return int(np.count_nonzero(bundle.activations.latent_counts))


def _pairs(n: int) -> int:
    return n * (n - 1) // 2


def _each(latents: list[int]) -> str:
    if len(latents) == 1:
        return f"Latent {latents[0]}"
    return f"Each of the {len(latents)} latents"
