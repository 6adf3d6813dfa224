"""Relations between two latents: duplicate, implication, exclusive siblings, absorption candidate.

**a is nearly always with b** if the lower end of Wilson's 95 % interval of P(b given a) is at least
SURE, and the lift of the pair is at least LEAST_LIFT.

- **duplicate**: each of the two is nearly always with the other.
- **implication** a => b: a is nearly always with b, and P(a given b) is below REVERSE.

Some pairs are between the two: P(a given b) is at least REVERSE, but its interval does not reach
SURE. They are not listed, but are among the partners; the rule of duplicates states their number.
Both relations are tested by the circular shift inside documents, upper tail. The candidates were
selected from all pairs, so q corrects for all pairs.

- **absorption_candidate**: the cosine of the two decoder vectors is above ALIKE, and the latents
share at most FAR_BELOW times the tokens that the shift expects (lower tail). The gate of
LEAST_EXPECTED joint tokens is on the expectation *under the shift*, not on n1 n2 / N: if two
latents fire in different documents, they share no token, and nothing shows whether one suppresses
the other. The gate does not depend on the joint count, so q corrects only for the pairs inside it.
Exclusive siblings are not listed again as absorption candidates, because their parent is active
where either of them is. Proof of absorption needs a probe (Chanin et al. 2024).

- **exclusive** siblings: both imply one parent, and share at most FAR_BELOW times the tokens that
the shift on the parent's tokens expects (`siblings.py`). A pair with several such parents is listed
once, with the parent of the smallest q.

Every relation is listed at a false discovery rate of RATE.

Dead latents never fire and are in no pair. Dense and ultralow latents follow the same rules. A
latent with a density above 1 / LEAST_LIFT can have no lift of LEAST_LIFT, so it implies nothing
and nothing implies it. But one that fires on a sixth of all tokens can be the parent of hundreds
of latents, which exclude each other for that reason only. Therefore the pages hide pairs by the
flags of both latents and of the parent.

Memory: the candidates, and a block of activations within the memory setting.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from analysis.bundle import (
    ROW_GROUP,
    TABLES,
    Activations,
    KeptTokens,
    RelationFamily,
    TableFile,
    kept_tokens,
    write_table,
)
from analysis.cooccurrence import association
from analysis.cooccurrence.association import LEAST_LIFT, SURE, TwoByTwo
from analysis.cooccurrence.fdr import benjamini_hochberg
from analysis.cooccurrence.null_models import PairTests
from analysis.cooccurrence.siblings import (
    MOST_CHILDREN,
    MOST_SIBLING_PAIRS,
    families_of,
    sibling_tests,
)
from analysis.cooccurrence.significance import shift_tests
from analysis.decoder.graph import cosines_of_pairs
from analysis.runtime.arrays import Bools, Float32s, Floats, Ints
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress

REVERSE = 0.8
"""The reverse conditional of an implication is below this."""
ALIKE = 0.3
"""The decoder cosine of an absorption candidate is above this."""
LEAST_EXPECTED = 3.0
"""Joint tokens that the shift must expect; with fewer, their absence means nothing."""
FAR_BELOW = 0.5
"""Largest ratio of joint to expected tokens for "far fewer"."""
RATE = 0.05
"""The false discovery rate at which relations are listed."""

DUPLICATE = "duplicate"
IMPLICATION = "implication"
EXCLUSIVE = "exclusive"
ABSORPTION = "absorption_candidate"


@dataclass(frozen=True)
class Relation:
    """The n listed pairs of one relation, with its rule and tests."""

    family: RelationFamily
    pairs: Ints
    """[n, 2] a and b."""
    joint: Ints
    """Joint kept tokens."""
    p: Floats
    q: Floats
    expected_shifted: Floats
    """Mean joint tokens under the null of the test."""
    parents: Ints | None = None


@dataclass(frozen=True)
class StoredLatents:
    """The stored activations of all latents on the kept tokens."""

    activations: Activations
    kept: KeptTokens
    n_tokens: int
    memory_bytes: int = MEMORY_BYTES

    @property
    def counts(self) -> Ints:
        """[latents] active tokens."""
        return self.activations.latent_counts

    def tables(self, pairs: Ints, joint: Ints) -> TwoByTwo:
        """The 2x2 tables of pairs [n, 2]."""
        first, second = self.counts[pairs].T
        return TwoByTwo.from_margins(joint, first, second, self.n_tokens)

    def shift_tests(
        self, pairs: Ints, progress: Progress, least_expected: float = 0.0
    ) -> PairTests:
        """The shift tests of pairs [n, 2]; where too little is expected, p is 1."""
        return shift_tests(
            self.activations,
            self.kept,
            pairs,
            least_expected=least_expected,
            memory_bytes=self.memory_bytes,
            progress=progress,
        )


def find_relations(
    activations: Activations,
    n_tokens: int,
    tables: Path,
    W_dec: Float32s,
    *,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> list[RelationFamily]:
    """Write the relation table to `tables`, which holds tokens, partners and neighbours.

    W_dec [latents, d] gives the cosines. Returns the rule and the family of each relation.
    """
    stored = StoredLatents(activations, kept_tokens(tables), n_tokens, memory_bytes)
    duplicates, implications = _nearly_always_together(
        stored, tables / "partners.parquet", progress.named("relations, partners")
    )
    siblings = _exclusive_siblings(stored, implications, progress)
    absorption = _absorption_candidates(
        stored,
        tables / "neighbours.parquet",
        siblings.pairs,
        progress.named("relations, neighbours"),
    )
    relations = (duplicates, implications, siblings, absorption)
    write_table(tables, "relations", _table(stored, relations, W_dec))
    return [relation.family for relation in relations]


def _table(stored: StoredLatents, relations: Sequence[Relation], W_dec: Float32s) -> pa.Table:
    """The relation table, by a, then b, then relation."""
    sizes = [len(relation.pairs) for relation in relations]
    code = np.repeat(np.arange(len(relations), dtype=np.int32), sizes)
    pairs = np.concatenate([relation.pairs for relation in relations])
    joint = np.concatenate([relation.joint for relation in relations])
    parent = np.concatenate(
        [
            np.full(size, -1) if relation.parents is None else relation.parents
            for relation, size in zip(relations, sizes, strict=True)
        ]
    ).astype(np.int32)
    cosine = cosines_of_pairs(W_dec, pairs)
    square = stored.tables(pairs, joint)
    names = [relation.family.relation for relation in relations]
    columns = {
        "a": pairs[:, 0].astype(np.int32),
        "b": pairs[:, 1].astype(np.int32),
        "relation": pa.DictionaryArray.from_arrays(code, names),
        "joint_tokens": joint,
        "expected": association.expected(square),
        "p_b_given_a": association.p_b_given_a(square),
        "p_a_given_b": association.p_a_given_b(square),
        "lift": association.lift(square),
        "phi": association.phi(square),
        "q_value": np.concatenate([relation.q for relation in relations]),
        "p_value": np.concatenate([relation.p for relation in relations]),
        "expected_shifted": np.concatenate([each.expected_shifted for each in relations]),
        "cosine": pa.array(cosine, mask=np.isnan(cosine)),
        "parent": pa.array(parent, mask=parent < 0),
    }
    order = np.lexsort((code, pairs[:, 1], pairs[:, 0]))
    return pa.table(columns, schema=TABLES["relations"]).take(pa.array(order))


@dataclass(frozen=True)
class _Candidates:
    """Pairs of which at least one latent is nearly always with the other."""

    pairs: Ints
    """[n, 2] a and b; a is nearly always with b, and a < b for duplicates."""
    joint: Ints
    duplicate: Bools
    """Each is nearly always with the other; otherwise a implies b."""
    between: int
    """Number of pairs that are neither duplicates nor implications."""


def _nearly_always_together(
    stored: StoredLatents, partners: Path, progress: Progress
) -> tuple[Relation, Relation]:
    """Duplicates and implications among the stored partners."""
    candidates = _candidates(stored, partners)
    tests = stored.shift_tests(candidates.pairs, progress)
    firing = int((stored.counts > 0).sum())
    every = firing * (firing - 1) // 2
    q = benjamini_hochberg(tests.p_more, every)
    family = (
        f"All {every:,} pairs of the {firing:,} latents that fire. The candidates for duplicates "
        "and implications were selected from these and are corrected together. Test: circular "
        "shift inside documents, one-sided (more joint tokens)."
    )
    nearly = (
        f"at least {SURE:g} with 95 % confidence (Wilson's lower bound), with a lift of at least "
        f"{LEAST_LIFT:g}"
    )
    rules = {
        DUPLICATE: f"Both P(b given a) and P(a given b) are {nearly}. "
        f"{candidates.between:,} pairs are between duplicate and implication; they are among the "
        "partners of their latents.",
        IMPLICATION: f"P(b given a) is {nearly}, and P(a given b) is below {REVERSE:g}.",
    }

    def relation(name: str, candidate: Bools) -> Relation:
        chosen = candidate & (q <= RATE)
        return Relation(
            RelationFamily(
                relation=name,
                rule=rules[name],
                family=family,
                tested=int(candidate.sum()),
                listed=int(chosen.sum()),
            ),
            candidates.pairs[chosen],
            candidates.joint[chosen],
            tests.p_more[chosen],
            q[chosen],
            tests.expected[chosen],
        )

    return (
        relation(DUPLICATE, candidates.duplicate),
        relation(IMPLICATION, ~candidates.duplicate),
    )


def _candidates(stored: StoredLatents, partners: Path) -> _Candidates:
    """Read the partner table in pieces; a pair counts once even if both of its rows are stored."""
    pieces: list[Ints] = [np.empty((0, 3), dtype=np.int64)]
    file = TableFile(partners)
    for rows in file.batches(ROW_GROUP, ["latent", "partner", "joint_tokens"]):
        latent, partner, joint = (column.to_numpy().astype(np.int64) for column in rows.columns)
        pairs = np.sort(np.stack([latent, partner], axis=1), axis=1)
        lifted = association.lift(stored.tables(pairs, joint)) >= LEAST_LIFT
        chosen = lifted & _surely(stored, pairs, joint).any(axis=1)
        pieces.append(np.column_stack([pairs, joint])[chosen])
    distinct = np.unique(np.concatenate(pieces), axis=0)
    pairs, joint = distinct[:, :2], distinct[:, 2]
    sure = _surely(stored, pairs, joint)
    duplicate = np.asarray(sure.all(axis=1))
    pairs = np.where(sure[:, :1], pairs, pairs[:, ::-1])
    listed = duplicate | (joint < REVERSE * stored.counts[pairs[:, 1]])
    return _Candidates(pairs[listed], joint[listed], duplicate[listed], int((~listed).sum()))


def _surely(stored: StoredLatents, pairs: Ints, joint: Ints) -> Bools:
    """[n, 2] whether the interval of each latent's conditional is above SURE."""
    low, _ = association.wilson_interval(joint[:, None], stored.counts[pairs])
    return low >= SURE


def _far_fewer(tests: PairTests, q: Floats) -> Bools:
    """[n] whether the joint tokens are far, and significantly, below those expected."""
    return (q <= RATE) & (tests.observed <= FAR_BELOW * tests.expected)


def _absorption_candidates(
    stored: StoredLatents, neighbours: Path, siblings: Ints, progress: Progress
) -> Relation:
    """Pairs of similar decoder vectors that share far fewer tokens than the shift expects.

    Exclusive `siblings` [n, 2] are excluded.
    """
    pairs = _alike(neighbours, len(stored.counts))
    tests = stored.shift_tests(pairs, progress, LEAST_EXPECTED)
    gate = tests.expected >= LEAST_EXPECTED
    pairs, tests = pairs[gate], tests.take(gate)
    q = benjamini_hochberg(tests.p_fewer, len(pairs))
    fewer = _far_fewer(tests, q)
    n_latents = len(stored.counts)
    exclusive = np.isin(pairs @ [n_latents, 1], siblings @ [n_latents, 1])
    chosen = fewer & ~exclusive
    return Relation(
        RelationFamily(
            relation=ABSORPTION,
            rule=f"The decoder cosine is above {ALIKE:g}, and the joint tokens are at most "
            f"{FAR_BELOW:g} times those that a circular shift inside documents expects. "
            f"{int((fewer & exclusive).sum()):,} such pairs are exclusive siblings and are listed "
            "only as such.",
            family=f"The {len(pairs):,} pairs of stored neighbours with a cosine above {ALIKE:g} "
            f"for which the shift expects at least {LEAST_EXPECTED:g} joint tokens.",
            tested=len(pairs),
            listed=int(chosen.sum()),
        ),
        pairs[chosen],
        tests.observed[chosen],
        tests.p_fewer[chosen],
        q[chosen],
        tests.expected[chosen],
    )


def _alike(neighbours: Path, n_latents: int) -> Ints:
    """Pairs [n, 2] of stored neighbours, a < b, whose cosine is above ALIKE."""
    keys: list[Ints] = [np.empty(0, dtype=np.int64)]
    file = TableFile(neighbours)
    for rows in file.batches(ROW_GROUP, ["latent", "neighbour", "cosine"]):
        latent, neighbour = (rows.column(i).to_numpy().astype(np.int64) for i in range(2))
        near = rows.column("cosine").to_numpy() > ALIKE
        a, b = np.minimum(latent, neighbour), np.maximum(latent, neighbour)
        keys.append((a * n_latents + b)[near])
    return np.stack(np.divmod(np.unique(np.concatenate(keys)), n_latents), axis=1)


def _exclusive_siblings(
    stored: StoredLatents, implications: Relation, progress: Progress
) -> Relation:
    """Children of one parent that share far fewer of its tokens than the shift expects."""
    compared = families_of(implications.pairs, implications.joint)
    tested = sibling_tests(
        stored.activations,
        stored.kept,
        compared.families,
        least_expected=LEAST_EXPECTED,
        memory_bytes=stored.memory_bytes,
        progress=progress.named("relations, siblings of parents"),
    )
    every_q = benjamini_hochberg(tested.tests.p_fewer, len(tested))
    fewer = np.flatnonzero(_far_fewer(tested.tests, every_q))
    # A pair is listed once: with the parent of the smallest q, then of the smallest id.
    order = np.lexsort((tested.parent[fewer], every_q[fewer], tested.b[fewer], tested.a[fewer]))
    fewer = fewer[order]
    pairs = np.column_stack([tested.a[fewer], tested.b[fewer]])
    pairs, first = np.unique(pairs, axis=0, return_index=True)
    listed, q = tested.take(fewer[first]), every_q[fewer[first]]
    # With no pair tested, the shift only counts the joint tokens.
    joint = stored.shift_tests(pairs, progress.named("relations, joint tokens"), np.inf).observed
    return Relation(
        RelationFamily(
            relation=EXCLUSIVE,
            rule="Both imply one parent, and on its tokens they share at most "
            f"{FAR_BELOW:g} times the tokens that a circular shift inside documents expects there.",
            family=f"The {len(tested):,} pairs of children of one parent for which the shift on "
            f"its tokens expects at least {LEAST_EXPECTED:g} joint tokens. "
            f"{compared.pairs_left_out:,} pairs were not compared: the limits are "
            f"{MOST_CHILDREN} children of a parent and {MOST_SIBLING_PAIRS:,} pairs in all.",
            tested=len(tested),
            listed=len(pairs),
        ),
        pairs,
        joint,
        listed.tests.p_fewer,
        q,
        listed.tests.expected,
        listed.parent,
    )
