"""What names are made from, and the names that the latents' own evidence gives."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import Activations
from analysis.labels.evidence import token_evidence
from analysis.labels.naming import (
    Ballot,
    SharedTerm,
    cluster_labels,
    name_latents,
    raised_ballot,
    shared_terms,
    token_ballot,
    top_terms,
)
from analysis.labels.split import Split
from analysis.labels.terms import TokenTerms

SHARED_BY = 2
"""Members that must raise a token, or be explained by a word, before it tells of the cluster."""


@dataclass(frozen=True)
class Material:
    """What names are made from."""

    tables: Path
    """The folder of the tables that are finished: tokens, contexts, logits."""
    activations: Activations
    latents: pa.Table
    """One row per latent; its active_tokens and flag are read, all columns are passed on."""
    clusters: pa.Table
    """One row per cluster, sorted; cluster and level are read, all columns are passed on."""
    memberships: pa.Table

    @cached_property
    def specific_members(self) -> list[np.ndarray]:
        """The latents of each cluster without its dense ones, in the order of the cluster table."""
        latent, joined = (self.memberships[name].to_numpy() for name in ("latent", "cluster"))
        order = np.lexsort((latent, joined))
        clusters = self.clusters["cluster"].to_numpy()
        first = np.searchsorted(joined[order], clusters, "left")
        behind = np.searchsorted(joined[order], clusters, "right")
        members = (latent[order[a:b]] for a, b in zip(first, behind, strict=True))
        return [ids[~self.dense[ids]] for ids in members]

    @cached_property
    def dense(self) -> np.ndarray:
        """bool [F]."""
        return np.array(self.latents["flag"].to_pylist()) == "dense"


@dataclass(frozen=True)
class Names:
    """Labels or explanations of n latents or clusters."""

    text: list[str]
    terms: list[list[int]]
    """Of the corpus, by which they are scored."""


@dataclass(frozen=True)
class Found:
    """What the latents' own evidence says."""

    latents: Names
    top_tokens: list[list[str]]
    clusters: Names
    cluster_terms: list[list[SharedTerm]]
    tokens: Ballot
    raised: Ballot
    cluster_raised: list[list[SharedTerm]]


def find_names(
    material: Material,
    terms: TokenTerms,
    split: Split,
    memory: int,
    report: Callable[[int, int], None],
) -> Found:
    """Labels of latents and clusters from the naming documents."""
    evidence = token_evidence(
        material.activations, terms, naming=split.naming, memory=memory, report=report
    )
    tops = top_terms(evidence)
    named = name_latents(evidence, tops)
    ballot = token_ballot(evidence, tops)
    shared = shared_terms(material.clusters, material.memberships, ballot)
    labels = cluster_labels(material.clusters, shared, ballot.shown)
    logits = pq.read_table(material.tables / "logits.parquet")
    raised = raised_ballot(logits, material.latents.num_rows)
    return Found(
        latents=Names(named.label, named.label_terms),
        top_tokens=named.top_tokens,
        clusters=Names(*labels),
        cluster_terms=shared,
        tokens=ballot,
        raised=raised,
        cluster_raised=shared_terms(material.clusters, material.memberships, raised, SHARED_BY),
    )
