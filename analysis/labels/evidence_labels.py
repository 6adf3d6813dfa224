"""Labels of latents and clusters from the latents' own evidence: one step of labelling."""

from dataclasses import dataclass

import pyarrow.parquet as pq

from analysis.labels.cluster_names import ClusterName, cluster_names
from analysis.labels.descriptions import readable_terms
from analysis.labels.evidence import token_evidence
from analysis.labels.material import Material
from analysis.labels.member_lifts import WordVotes, word_votes
from analysis.labels.naming import (
    LEAST_HOLDERS,
    Ballot,
    Name,
    SharedTerm,
    latent_names,
    promoted_ballot,
    shared_terms,
    token_ballot,
    top_terms,
    top_tokens,
)
from analysis.labels.split import Split
from analysis.labels.terms import TokenTerms
from analysis.runtime.progress import Progress


@dataclass(frozen=True)
class EvidenceLabels:
    """Labels of F latents and C clusters, and their evidence."""

    latents: list[Name]
    """[F]"""
    top_tokens: list[list[str]]
    """[F], the best terms of each latent as text."""
    clusters: list[ClusterName]
    """[C]"""
    cluster_terms: list[list[SharedTerm]]
    """[C], what the members of each cluster fire on."""
    cluster_promoted: list[list[SharedTerm]]
    """[C], the tokens that the members of each cluster promote."""
    tokens: Ballot
    """The vocabulary of `cluster_terms`."""
    promoted: Ballot
    """The vocabulary of `cluster_promoted`."""
    words: WordVotes
    """The votes of the latents over whole words."""


def labels_from_evidence(
    material: Material,
    terms: TokenTerms,
    split: Split,
    memory_bytes: int,
    progress: Progress,
) -> EvidenceLabels:
    """Labels from the naming documents; `progress` counts latents."""
    evidence = token_evidence(
        material.activations,
        terms,
        naming=split.naming,
        memory_bytes=memory_bytes,
        progress=progress,
    )
    tops = top_terms(evidence)
    ballot = token_ballot(evidence, tops)
    members, levels = material.members, material.levels
    logits = pq.read_table(material.tables / "logits.parquet", page_checksum_verification=True)
    promoted = promoted_ballot(logits, material.latents.num_rows)
    return EvidenceLabels(
        latents=latent_names(evidence, tops),
        top_tokens=top_tokens(evidence, tops),
        clusters=cluster_names(
            members,
            levels,
            evidence,
            terms,
            readable_terms(terms),
            material.activations,
            split,
            memory_bytes=memory_bytes,
        ),
        cluster_terms=shared_terms(members, levels, ballot),
        cluster_promoted=shared_terms(members, levels, promoted, LEAST_HOLDERS),
        tokens=ballot,
        promoted=promoted,
        words=word_votes(evidence, terms.first_piece),
    )
