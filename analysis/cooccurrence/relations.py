"""What two latents are to each other: duplicates, implications, exclusive siblings, absorption.

With the Wilson lower bound (95 %) of P(b given a) at .9 or more and a lift of 2 or more, *a is
nearly always with b*. From that:

- **implication** a => b: a is nearly always with b, and P(a given b) is below .8;
- **duplicate**: each is nearly always with the other;
- a pair between the two (P(a given b) of .8 or more, but not surely .9) is neither, and is counted
  in the rule's sentence, so that a pair is never both and none disappears unseen.

Their test is the circular shift inside documents, upper tail: that they share tokens beyond
sharing documents. As the candidates were picked out of all pairs, q corrects for all of them.

- **absorption_candidate**: neighbouring decoder vectors (cosine above .3) that share at most half
  of the tokens that they would by chance. Chance is again the shift, lower tail, and the gate (at
  least 3 joint tokens expected) is on *its* expectation, not on n1 n2 / N: two latents that live
  in different documents never meet, and no token tells whether one silences the other. The gate
  asks for nothing that the joint count decides, so q corrects inside it alone. Exclusive siblings
  are not listed as candidates as well: their parent is active where either is, so nothing is lost.
  A candidate is called a candidate: proof of absorption needs a probe (Chanin et al. 2024).
- **exclusive** siblings: a and b both imply one parent, and share at most half of the tokens that
  they would by chance on the parent's tokens: positions are counted among those, document by
  document, and one is shifted against the other there. A pair is listed once, with the parent of
  the smallest q.

Dead latents never fire, so they are in no pair. Dense and ultralow ones follow the same rules, and
the pages hide pairs by their flags, the parent's included: above a density of .5 nothing can have a
lift of 2, so always-on latents imply nothing and are implied by nothing, but one that fires on a
sixth of all tokens may be the parent of hundreds, which exclude each other for that reason alone.

Memory: candidates, and the activations of a block of latents within the memory setting.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import (
    ROW_GROUP,
    TABLES,
    Activations,
    KeptTokens,
    RelationFamily,
    kept_tokens,
    write_table,
)
from analysis.cooccurrence import association
from analysis.cooccurrence.association import TwoByTwo
from analysis.cooccurrence.significance import (
    WORKING_BYTES,
    Lists,
    PairTests,
    benjamini_hochberg,
    positions_of,
    shift_in,
    shift_tests,
    stretches,
)
from analysis.decoder.graph import cosines_of_pairs
from analysis.runtime.memory import MEMORY_BYTES

SURE = 0.9
"""Least Wilson lower bound of a conditional for "nearly always"."""
LEAST_LIFT = 2.0
REVERSE = 0.8
"""The reverse conditional of an implication is below."""
ALIKE = 0.3
"""Decoder cosine above which a latent may absorb another."""
LEAST_EXPECTED = 3.0
"""Joint tokens that the shift must expect before their absence says anything."""
FAR_BELOW = 0.5
"""Joint tokens, as a share of the expected ones, that are far below."""
RATE = 0.05
"""The false discovery rate at which a relation is listed."""

MOST_CHILDREN = 128
"""Children of a parent that are compared with each other; the most active on it, if it has more."""
MOST_SIBLING_PAIRS = 2_000_000
"""Sibling pairs in all; parents with the fewest children come first."""

DUPLICATE = "duplicate"
IMPLICATION = "implication"
EXCLUSIVE = "exclusive"
ABSORPTION = "absorption_candidate"

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Report = Callable[[str, int, int], None]
"""Is told what is looked for, pairs done and pairs in all."""


@dataclass(frozen=True)
class _Found:
    """The pairs [n] of one relation that are listed, and how they were looked for."""

    family: RelationFamily
    pairs: Ints
    """[n, 2] a and b."""
    joint: Ints
    """Joint kept tokens."""
    p: Floats
    q: Floats
    shifted: Floats
    """Mean joint tokens under the null of the test."""
    parents: Ints | None = None


@dataclass(frozen=True)
class _Search:
    """What the relations are looked for in."""

    activations: Activations
    kept: KeptTokens
    n_tokens: int
    memory_bytes: int
    report: Report

    @property
    def counts(self) -> Ints:
        """[latents] active tokens."""
        return np.diff(self.activations.latent_ends, prepend=0)

    def table(self, pairs: Ints, joint: Ints) -> TwoByTwo:
        """The 2x2 tables of pairs [n, 2]."""
        first, second = self.counts[pairs].T
        return TwoByTwo.from_margins(joint, first, second, self.n_tokens)

    def shifted(self, pairs: Ints, what: str, least_expected: float = 0.0) -> PairTests:
        """Their circular shift inside documents; pairs that it expects too rarely have p = 1."""
        return shift_tests(
            self.activations,
            self.kept,
            pairs,
            least_expected=least_expected,
            memory_bytes=self.memory_bytes,
            progress=partial(self.report, what),
        )

    def joint(self, pairs: Ints) -> Ints:
        """Their joint kept tokens."""
        return self.shifted(pairs, "relations, joint tokens", np.inf).observed


def _silent(what: str, done: int, total: int) -> None:
    """Report to nobody."""


def find_relations(
    activations: Activations,
    n_tokens: int,
    tables: Path,
    W_dec: npt.NDArray[np.float32],
    *,
    memory_bytes: int = MEMORY_BYTES,
    report: Report = _silent,
) -> list[RelationFamily]:
    """Write the relation table to `tables`, which holds tokens, partners and neighbours.

    W_dec [latents, d] gives the cosines. Returns how each relation was looked for.
    """
    search = _Search(activations, kept_tokens(tables), n_tokens, memory_bytes, report)
    duplicates, implications = _nearly_always_together(search, tables / "partners.parquet")
    siblings = _exclusive_siblings(search, implications)
    absorption = _absorption_candidates(search, tables / "neighbours.parquet", siblings.pairs)
    found = (duplicates, implications, siblings, absorption)
    write_table(tables, "relations", _table(search, found, W_dec))
    return [each.family for each in found]


def _table(search: _Search, found: Sequence[_Found], W_dec: npt.NDArray[np.float32]) -> pa.Table:
    """The relation table, by a, then b, then relation."""
    sizes = [len(each.pairs) for each in found]
    code = np.repeat(np.arange(len(found), dtype=np.int32), sizes)
    pairs = np.concatenate([each.pairs for each in found])
    joint = np.concatenate([each.joint for each in found])
    parents = [
        np.full(len(each.pairs), -1) if each.parents is None else each.parents for each in found
    ]
    parent = np.concatenate(parents).astype(np.int32)
    cosine = cosines_of_pairs(W_dec, pairs)
    square = search.table(pairs, joint)
    rows = {
        "a": pairs[:, 0].astype(np.int32),
        "b": pairs[:, 1].astype(np.int32),
        "relation": pa.DictionaryArray.from_arrays(code, [each.family.relation for each in found]),
        "joint_tokens": joint,
        "expected": association.expected(square),
        "p_b_given_a": association.p_b_given_a(square),
        "p_a_given_b": association.p_a_given_b(square),
        "lift": association.lift(square),
        "phi": association.phi(square),
        "q_value": np.concatenate([each.q for each in found]),
        "p_value": np.concatenate([each.p for each in found]),
        "expected_shifted": np.concatenate([each.shifted for each in found]),
        "cosine": pa.array(cosine, mask=np.isnan(cosine)),
        "parent": pa.array(parent, mask=parent < 0),
    }
    order = np.lexsort((code, pairs[:, 1], pairs[:, 0]))
    return pa.table(rows, schema=TABLES["relations"]).take(pa.array(order))


@dataclass(frozen=True)
class _Candidates:
    """Pairs of which at least one is nearly always with the other."""

    pairs: Ints
    """[n, 2] a and b; a is nearly always with b, and a < b where b is with a too."""
    joint: Ints
    duplicate: Bools
    """Else a implies b."""
    between: int
    """Pairs left out, since the reverse is neither surely high nor below REVERSE."""


def _nearly_always_together(search: _Search, partners: Path) -> tuple[_Found, _Found]:
    """Duplicates and implications among the stored partners."""
    candidates = _candidates(search, partners)
    tests = search.shifted(candidates.pairs, "relations, partners")
    firing = int((search.counts > 0).sum())
    every = firing * (firing - 1) // 2
    q = benjamini_hochberg(tests.p_more, every)
    family = (
        f"All {every:,} pairs of the {firing:,} latents that fire, of which the candidates were "
        "picked, duplicates and implications together; one-sided circular shift inside documents."
    )
    nearly = (
        f"at least {SURE:g} with 95 % confidence (Wilson's lower bound), with a lift of at least "
        f"{LEAST_LIFT:g}"
    )
    rules = {
        DUPLICATE: f"Both P(b given a) and P(a given b) are {nearly}; {candidates.between:,} pairs "
        "that lie between duplicate and implication are listed as neither.",
        IMPLICATION: f"P(b given a) is {nearly}, and P(a given b) is below {REVERSE:g}.",
    }

    def listed(relation: str, candidate: Bools) -> _Found:
        chosen = candidate & (q <= RATE)
        return _Found(
            RelationFamily(
                relation=relation,
                rule=rules[relation],
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

    return listed(DUPLICATE, candidates.duplicate), listed(IMPLICATION, ~candidates.duplicate)


def _candidates(search: _Search, partners: Path) -> _Candidates:
    """Read the partner table in pieces; a pair counts once, whichever of its rows is stored."""
    pieces: list[Ints] = [np.empty((0, 3), dtype=np.int64)]
    file = pq.ParquetFile(partners, memory_map=True)
    for rows in file.iter_batches(ROW_GROUP, columns=["latent", "partner", "joint_tokens"]):
        one, other, joint = (rows.column(i).to_numpy().astype(np.int64) for i in range(3))
        pairs = np.sort(np.stack([one, other], axis=1), axis=1)
        lifted = association.lift(search.table(pairs, joint)) >= LEAST_LIFT
        chosen = lifted & _surely(search, pairs, joint).any(axis=1)
        pieces.append(np.column_stack([pairs, joint])[chosen])
    found = np.unique(np.concatenate(pieces), axis=0)
    pairs, joint = found[:, :2], found[:, 2]
    sure = _surely(search, pairs, joint)
    duplicate = np.asarray(sure.all(axis=1))
    pairs = np.where(sure[:, :1], pairs, pairs[:, ::-1])
    kept = duplicate | (joint < REVERSE * search.counts[pairs[:, 1]])
    return _Candidates(pairs[kept], joint[kept], duplicate[kept], int((~kept).sum()))


def _surely(search: _Search, pairs: Ints, joint: Ints) -> Bools:
    """[n, 2] whether each of a pair is nearly always with the other."""
    low, _ = association.wilson_interval(joint[:, None], search.counts[pairs])
    return low >= SURE


def _absorption_candidates(search: _Search, neighbours: Path, siblings: Ints) -> _Found:
    """Neighbouring decoder vectors that share far fewer tokens than a shift would give them.

    Exclusive `siblings` [n, 2] are left out: that they exclude each other is already explained.
    """
    pairs = _alike(neighbours, len(search.counts))
    tests = search.shifted(pairs, "relations, neighbours", LEAST_EXPECTED)
    gate = tests.expected >= LEAST_EXPECTED
    q = np.ones(len(pairs))
    q[gate] = benjamini_hochberg(tests.p_fewer[gate], int(gate.sum()))
    far_below = (q <= RATE) & (tests.observed <= FAR_BELOW * tests.expected)
    n_latents = len(search.counts)
    explained = np.isin(pairs @ [n_latents, 1], siblings @ [n_latents, 1])
    chosen = far_below & ~explained
    return _Found(
        RelationFamily(
            relation=ABSORPTION,
            rule=f"The decoder cosine is above {ALIKE:g}, and the joint tokens are at most "
            f"{FAR_BELOW:g} of those that a circular shift inside documents gives; "
            f"{int((far_below & explained).sum()):,} such pairs are exclusive siblings, and listed "
            "as these alone.",
            family=f"The {int(gate.sum()):,} pairs of stored neighbours with a cosine above "
            f"{ALIKE:g} for which the shift expects at least {LEAST_EXPECTED:g} joint tokens.",
            tested=int(gate.sum()),
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
    file = pq.ParquetFile(neighbours, memory_map=True)
    for rows in file.iter_batches(ROW_GROUP, columns=["latent", "neighbour", "cosine"]):
        one, other = (rows.column(i).to_numpy().astype(np.int64) for i in range(2))
        near = rows.column(2).to_numpy() > ALIKE
        keys.append((np.minimum(one, other) * n_latents + np.maximum(one, other))[near])
    return np.stack(np.divmod(np.unique(np.concatenate(keys)), n_latents), axis=1)


@dataclass(frozen=True)
class _Family:
    """A parent and those of its children that are compared with each other."""

    parent: int
    children: Ints
    """Ascending."""


def _exclusive_siblings(search: _Search, implications: _Found) -> _Found:
    """Children of one parent that avoid each other on its tokens."""
    families, left_out = _families(implications)
    pieces = [_compared(search, batch) for batch in _in_memory(search, families)]
    rows = np.concatenate([np.empty((0, 6)), *pieces])
    q = benjamini_hochberg(rows[:, 5], len(rows))
    chosen = np.flatnonzero((q <= RATE) & (rows[:, 3] <= FAR_BELOW * rows[:, 4]))
    # Once a pair: the parent of the smallest q, then the smallest id.
    chosen = chosen[np.lexsort((rows[chosen, 2], q[chosen], rows[chosen, 1], rows[chosen, 0]))]
    pairs = rows[chosen, :2].astype(np.int64)
    _, first = np.unique(pairs, axis=0, return_index=True)
    chosen, pairs = chosen[first], pairs[first]
    return _Found(
        RelationFamily(
            relation=EXCLUSIVE,
            rule="Both imply one parent, and on its tokens share at most "
            f"{FAR_BELOW:g} of those that a circular shift inside documents gives there.",
            family=f"The {len(rows):,} pairs of children of one parent for which the shift on its "
            f"tokens expects at least {LEAST_EXPECTED:g} joint ones; {left_out:,} pairs were not "
            f"compared, since at most {MOST_CHILDREN} children of a parent and "
            f"{MOST_SIBLING_PAIRS:,} pairs in all are.",
            tested=len(rows),
            listed=len(pairs),
        ),
        pairs,
        search.joint(pairs),
        rows[chosen, 5],
        q[chosen],
        rows[chosen, 4],
        rows[chosen, 2].astype(np.int64),
    )


def _families(implications: _Found) -> tuple[list[_Family], int]:
    """The parents of two or more, those with the fewest children first, and pairs left out."""
    child, parent = implications.pairs.T
    order = np.lexsort((child, -implications.joint, parent))
    parents, starts = np.unique(parent[order], return_index=True)
    families: list[_Family] = []
    compared = 0
    sizes = np.diff(starts, append=len(order))
    for i in np.argsort(sizes, kind="stable"):
        children = np.sort(child[order][starts[i] : starts[i] + min(sizes[i], MOST_CHILDREN)])
        pairs = len(children) * (len(children) - 1) // 2
        if pairs and compared + pairs <= MOST_SIBLING_PAIRS:
            families.append(_Family(int(parents[i]), children))
            compared += pairs
    return families, int((sizes * (sizes - 1) // 2).sum()) - compared


def _in_memory(search: _Search, families: list[_Family]) -> Iterator[list[_Family]]:
    """Batches of families whose activations fit the memory setting, or of one family."""
    most = search.memory_bytes // WORKING_BYTES
    counts = search.counts
    batch: list[_Family] = []
    held = 0
    for i, family in enumerate(families):
        needed = int(counts[family.parent] + counts[family.children].sum())
        if batch and held + needed > most:
            yield batch
            batch, held = [], 0
            search.report("relations, siblings of parents", i, len(families))
        batch.append(family)
        held += needed
    if batch:
        yield batch
        search.report("relations, siblings of parents", len(families), len(families))


def _compared(search: _Search, families: list[_Family]) -> Floats:
    """Tested pairs [n, 6] of siblings: a, b, parent, joint on the parent, expected there, p."""
    latents = np.unique(np.concatenate([[each.parent, *each.children] for each in families]))
    lists = positions_of(search.activations, search.kept, latents)
    ends = stretches(search.kept)
    rows = []
    for family in families:
        parent = lists.of(int(np.searchsorted(latents, family.parent)))
        children = [lists.of(int(i)) for i in np.searchsorted(latents, family.children)]
        pairs = np.column_stack(np.triu_indices(len(children), 1))
        found = shift_in(
            _inside(parent, children), np.searchsorted(parent, ends), pairs, LEAST_EXPECTED
        )
        ids = family.children[pairs]
        tested = found.expected >= LEAST_EXPECTED
        columns = (*ids.T, np.full(len(ids), family.parent), found.observed, found.expected)
        rows.append(np.column_stack([*columns, found.p_fewer])[tested])
    return np.concatenate(rows)


def _inside(parent: Ints, children: list[Ints]) -> Lists:
    """Where the children fire, counted in the parent's tokens; what lies outside is left out."""
    places = [np.searchsorted(parent, child) for child in children]
    inside = [
        place[(place < len(parent)) & (parent[np.minimum(place, len(parent) - 1)] == child)]
        for place, child in zip(places, children, strict=True)
    ]
    return Lists(np.concatenate(inside), np.cumsum([len(each) for each in inside]))
