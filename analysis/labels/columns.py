"""Labels, explanations and their scores, as the last columns of the latent and cluster tables.

Labels, top tokens, terms and proposed names are made from the naming documents. The scores of all
of them, and of imported explanations, come from the held-out documents.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import TABLES, LabelSummary, LatentTable
from analysis.labels.evidence_labels import EvidenceLabels, labels_from_evidence
from analysis.labels.explanations import content_words, word_terms
from analysis.labels.material import Material
from analysis.labels.naming import (
    LEAST_HOLDERS,
    Name,
    SharedTerm,
    explained_ballot,
    shared_terms,
)
from analysis.labels.prompts import Subject, cluster_subjects, latent_subjects
from analysis.labels.proposers import proposed_names
from analysis.labels.requested import LabelSources
from analysis.labels.scoring import LEAST_CONTEXTS, Scores, score_names
from analysis.labels.split import Split, split_tokens
from analysis.labels.terms import TokenTerms, token_terms
from analysis.runtime.progress import Progress


@dataclass(frozen=True)
class Labelled:
    """Both tables with all their columns."""

    latents: pa.Table
    clusters: pa.Table
    summary: LabelSummary


@dataclass(frozen=True)
class Explanation:
    """An explanation of a latent or a cluster that is not its label."""

    text: str = ""
    """Empty if there is none."""
    source: str = ""
    """`imported: FILE` or `model: NAME`; empty if there is none."""


@dataclass(frozen=True)
class _Explanations:
    """The explanations of F latents and C clusters."""

    latents: list[Explanation]
    """[F]"""
    clusters: list[Explanation]
    """[C]"""

    @property
    def all(self) -> list[Explanation]:
        """[F + C]"""
        return [*self.latents, *self.clusters]


@dataclass(frozen=True)
class _LabelScores:
    """The scores of the labels and of the explanations."""

    latents: Scores
    clusters: Scores
    latent_explanations: Scores
    cluster_explanations: Scores


def label_tables(
    material: Material,
    sources: LabelSources,
    *,
    seed: int,
    kept_answers: Path,
    memory_bytes: int,
    progress: Progress,
) -> Labelled:
    """Label every latent and cluster, and score the labels and explanations.

    `kept_answers` is the file that stores a language model's answers. `memory_bytes` bounds blocks
    of activations. `seed` fixes which documents are held out.
    """
    tokens = pq.read_table(material.tables / "tokens.parquet", page_checksum_verification=True)
    split = split_tokens(tokens, seed)
    terms = token_terms(tokens, split.naming)
    labels = labels_from_evidence(
        material, terms, split, memory_bytes, progress.named("labels, latents")
    )
    explained = _explain(material, sources, labels, split, kept_answers, progress)
    scores = _score(material, terms, split, labels, explained, memory_bytes)
    latent_columns = {
        "label": [name.text for name in labels.latents],
        "top_tokens": labels.top_tokens,
        **_score_columns(scores.latents, explained.latents, scores.latent_explanations),
    }
    cluster_columns = {
        "label": [name.text for name in labels.clusters],
        **_evidence_columns(material, labels, explained.latents),
        **_score_columns(scores.clusters, explained.clusters, scores.cluster_explanations),
    }
    return Labelled(
        _with_columns(material.latents, TABLES["latents"], latent_columns),
        _with_columns(material.clusters, TABLES["clusters"], cluster_columns),
        _summary(split, explained, scores),
    )


def _explain(
    material: Material,
    sources: LabelSources,
    labels: EvidenceLabels,
    split: Split,
    kept_answers: Path,
    progress: Progress,
) -> _Explanations:
    """Imported explanations, then names that a language model proposes for what has none."""
    F, C = material.latents.num_rows, material.clusters.num_rows
    imported = sources.imported(F)
    latents = [
        Explanation(imported.texts[latent], imported.source)
        if latent in imported.texts
        else Explanation()
        for latent in range(F)
    ]
    if (proposer := sources.proposer()) is None:
        return _Explanations(latents, [Explanation()] * C)
    chosen = _densest_unexplained(material, latents, sources.latents)
    subjects = _subjects(material, labels, split, chosen)
    names = proposed_names(proposer, subjects, kept_answers, progress.named("names proposed"))
    source = f"model: {proposer.name}"
    proposed = [Explanation(name, source) if name else Explanation() for name in names]
    for latent, explanation in zip(chosen, proposed[C:], strict=True):
        latents[latent] = explanation
    return _Explanations(latents, proposed[:C])


def _subjects(
    material: Material, labels: EvidenceLabels, split: Split, latents: Sequence[int]
) -> list[Subject]:
    """The prompt material of every cluster, then of some latents."""
    contexts = LatentTable(material.tables / "contexts.parquet")
    documents = split.ids[~split.is_held_out].tolist()
    promoted = [[labels.promoted.shown[t.term] for t in row] for row in labels.cluster_promoted]
    return [
        *cluster_subjects(
            material.specific_members,
            labels.cluster_terms,
            promoted,
            labels.tokens,
            contexts,
            documents,
        ),
        *latent_subjects(latents, labels.top_tokens, labels.promoted, contexts, documents),
    ]


def _densest_unexplained(
    material: Material, explanations: Sequence[Explanation], most: int
) -> list[int]:
    """Up to `most` latents without an explanation, most active first, without dense ones."""
    active = material.latents["active_tokens"].to_numpy()
    order = np.argsort(-active, kind="stable").tolist()
    eligible = (
        i for i in order if active[i] and not material.dense[i] and not explanations[i].text
    )
    return list(islice(eligible, most))


def _score(
    material: Material,
    terms: TokenTerms,
    split: Split,
    labels: EvidenceLabels,
    explained: _Explanations,
    memory_bytes: int,
) -> _LabelScores:
    """Score all labels and explanations in one pass over the held-out activations."""
    words = word_terms([content_words(one.text) for one in explained.all], terms)
    explanations = [
        Name(one.text, term_ids) for one, term_ids in zip(explained.all, words, strict=True)
    ]
    names = [*labels.latents, *labels.clusters, *explanations]
    single = np.arange(material.latents.num_rows)[:, None]
    scores = score_names(
        [*single, *material.specific_members] * 2,
        [name.terms for name in names],
        material.activations,
        terms,
        held_out=split.held_out,
        memory_bytes=memory_bytes,
    )
    return _LabelScores(*scores.parts([len(labels.latents), len(labels.clusters)] * 2))


def _with_columns(
    table: pa.Table, schema: pa.Schema, columns: Mapping[str, Sequence[Any]]
) -> pa.Table:
    """The table with further columns, in their declared types."""
    for name, values in columns.items():
        field = schema.field(name)
        table = table.append_column(field, pa.array(values, from_pandas=True).cast(field.type))
    return table


def _score_columns(
    label: Scores, explanations: Sequence[Explanation], explained: Scores
) -> dict[str, Any]:
    return {
        "label_precision": label.precision,
        "label_recall": label.recall,
        "label_lift": label.lift,
        "label_contexts": label.active,
        "explanation": [one.text for one in explanations],
        "explanation_source": [one.source for one in explanations],
        "explanation_precision": explained.precision,
        "explanation_recall": explained.recall,
    }


def _evidence_columns(
    material: Material, labels: EvidenceLabels, explanations: Sequence[Explanation]
) -> dict[str, list[list[dict[str, Any]]]]:
    """What the members of each cluster share, for each kind of evidence."""
    words = explained_ballot([content_words(one.text) for one in explanations])
    shared = shared_terms(material.clusters, material.memberships, words, LEAST_HOLDERS)
    return {
        "terms": _rows(labels.cluster_terms, labels.tokens.shown),
        "raised": _rows(labels.cluster_promoted, labels.promoted.shown),
        "explained": _rows(shared, words.shown),
    }


def _rows(
    terms: Sequence[Sequence[SharedTerm]], shown: Sequence[str]
) -> list[list[dict[str, Any]]]:
    return [
        [{"term": shown[t.term], "score": t.score, "latents": t.latents} for t in row]
        for row in terms
    ]


def _summary(split: Split, explained: _Explanations, scores: _LabelScores) -> LabelSummary:
    held_out = int(split.is_held_out.sum())
    scored = (scores.latent_explanations, scores.cluster_explanations)
    return LabelSummary(
        naming_documents=len(split.ids) - held_out,
        held_out_documents=held_out,
        held_out_words=scores.latents.words,
        least_contexts=LEAST_CONTEXTS,
        explanations=sorted({one.source for one in explained.all} - {""}),
        explained=sum(one.text != "" for one in explained.all),
        explanations_scored=sum(int(np.isfinite(part.precision).sum()) for part in scored),
    )
