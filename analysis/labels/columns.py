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

from analysis.bundle import TABLES, LabelSummary, LatentTable, kept_tokens
from analysis.labels.cluster_evidence import evidence_sentences, explanation_lifts
from analysis.labels.cluster_scores import score_clusters
from analysis.labels.evidence_labels import EvidenceLabels, labels_from_evidence
from analysis.labels.explanations import content_words, word_terms
from analysis.labels.main_source import main_sources
from analysis.labels.material import Material
from analysis.labels.naming import LEAST_HOLDERS, SharedTerm, explained_ballot, shared_terms
from analysis.labels.naming_terms import NamingTerms
from analysis.labels.outside_label import outside_label
from analysis.labels.prompts import Subject, cluster_subjects, latent_subjects
from analysis.labels.proposers import proposed_names
from analysis.labels.requested import Imported, LabelSources
from analysis.labels.scoring import LEAST_CONTEXTS, Scores, score_names
from analysis.labels.split import Split
from analysis.labels.terms import TokenTerms
from analysis.latents.windows import WindowReader
from analysis.runtime.arrays import Float32s
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
class _LatentScores:
    """The scores of the labels and explanations of the latents."""

    labels: Scores
    explanations: Scores
    outside_label: Float32s


def label_tables(
    material: Material,
    naming: NamingTerms,
    sources: LabelSources,
    *,
    seed: int,
    kept_answers: Path,
    memory_bytes: int,
    progress: Progress,
) -> Labelled:
    """Label every latent and cluster, and score the labels and explanations.

    `kept_answers` is the file that stores a language model's answers. `memory_bytes` bounds blocks
    of activations. `seed` fixes the random clusters.
    """
    split = naming.split
    imported = sources.imported(material.latents.num_rows)
    terms = naming.with_words_of(imported.texts.values())
    labels = labels_from_evidence(
        material, terms, split, memory_bytes, progress.named("labels, latents")
    )
    explained = _explain(material, sources, imported, labels, split, kept_answers, progress)
    scores = _score_latents(material, terms, split, labels, explained.latents, memory_bytes)
    of_clusters = score_clusters(
        material,
        labels.words,
        terms,
        held_out=split.held_out,
        seed=seed,
        memory_bytes=memory_bytes,
    )
    explanation_lift = explanation_lifts(
        [one.text for one in explained.clusters], material, terms, split, memory_bytes
    )
    latent_columns = {
        "label": [name.text for name in labels.latents],
        "top_tokens": labels.top_tokens,
        **_score_columns(scores, explained.latents),
    }
    cluster_columns = {
        "label": [name.text for name in labels.clusters],
        "evidence": evidence_sentences(
            labels.clusters, of_clusters.lift, material.clusters["size"].to_pylist()
        ),
        **_evidence_columns(material, labels, explained.latents),
        "member_lift": of_clusters.lift,
        "member_share": of_clusters.share,
        "member_lift_other_words": of_clusters.other_words,
        "explanation": [one.text for one in explained.clusters],
        "explanation_source": [one.source for one in explained.clusters],
        "explanation_lift": explanation_lift,
        **_source_columns(material, naming.tokens, memory_bytes),
    }
    summary = LabelSummary(
        naming_documents=len(split.ids) - int(split.is_held_out.sum()),
        held_out_documents=int(split.is_held_out.sum()),
        held_out_words=scores.labels.words,
        least_contexts=LEAST_CONTEXTS,
        explanations=sorted({one.source for one in explained.all} - {""}),
        explained=sum(one.text != "" for one in explained.all),
        explanations_scored=int(
            np.isfinite(scores.explanations.precision).sum() + np.isfinite(explanation_lift).sum()
        ),
        levels=of_clusters.levels,
        first_word=of_clusters.first_word,
    )
    return Labelled(
        _with_columns(material.latents, TABLES["latents"], latent_columns),
        _with_columns(material.clusters, TABLES["clusters"], cluster_columns),
        summary,
    )


def _explain(
    material: Material,
    sources: LabelSources,
    imported: Imported,
    labels: EvidenceLabels,
    split: Split,
    kept_answers: Path,
    progress: Progress,
) -> _Explanations:
    """Imported explanations, then names that a language model proposes for what has none."""
    F, C = material.latents.num_rows, material.clusters.num_rows
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
    windows = WindowReader(material.tables, kept_tokens(material.tables), material.activations)
    documents = split.ids[~split.is_held_out].tolist()
    promoted = [[labels.promoted.shown[t.term] for t in row] for row in labels.cluster_promoted]
    return [
        *cluster_subjects(
            material.members,
            labels.cluster_terms,
            promoted,
            labels.tokens,
            contexts,
            windows,
            documents,
        ),
        *latent_subjects(latents, labels.top_tokens, labels.promoted, contexts, windows, documents),
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


def _score_latents(
    material: Material,
    terms: TokenTerms,
    split: Split,
    labels: EvidenceLabels,
    explanations: Sequence[Explanation],
    memory_bytes: int,
) -> _LatentScores:
    """Score the labels and explanations of the latents on the held-out activations."""
    label_terms = [name.terms for name in labels.latents]
    words = word_terms([content_words(one.text) for one in explanations], terms)
    single = np.arange(material.latents.num_rows)[:, None]
    scores = score_names(
        [*single, *single],
        [*label_terms, *words],
        material.activations,
        terms,
        held_out=split.held_out,
        memory_bytes=memory_bytes,
    )
    outside = outside_label(
        label_terms,
        material.activations,
        terms,
        held_out=split.held_out,
        memory_bytes=memory_bytes,
    )
    of_labels, of_explanations = scores.parts([len(single)] * 2)
    return _LatentScores(of_labels, of_explanations, outside)


def _with_columns(
    table: pa.Table, schema: pa.Schema, columns: Mapping[str, Sequence[Any]]
) -> pa.Table:
    """The table with further columns, in their declared types."""
    for name, values in columns.items():
        field = schema.field(name)
        table = table.append_column(field, pa.array(values, from_pandas=True).cast(field.type))
    return table


def _score_columns(scores: _LatentScores, explanations: Sequence[Explanation]) -> dict[str, Any]:
    return {
        "label_precision": scores.labels.precision,
        "label_recall": scores.labels.recall,
        "label_lift": scores.labels.lift,
        "label_contexts": scores.labels.active,
        "outside_label": scores.outside_label,
        "explanation": [one.text for one in explanations],
        "explanation_source": [one.source for one in explanations],
        "explanation_precision": scores.explanations.precision,
        "explanation_recall": scores.explanations.recall,
    }


def _source_columns(material: Material, tokens: pa.Table, memory_bytes: int) -> dict[str, Any]:
    documents = pq.read_table(
        material.tables / "documents.parquet", page_checksum_verification=True
    )
    main = main_sources(
        material.members,
        material.activations,
        documents,
        tokens["document"].to_numpy(),
        memory_bytes=memory_bytes,
    )
    return {"main_source": main.name, "main_source_share": main.share}


def _evidence_columns(
    material: Material, labels: EvidenceLabels, explanations: Sequence[Explanation]
) -> dict[str, list[list[dict[str, Any]]]]:
    """What the members of each cluster share, for each kind of evidence."""
    words = explained_ballot([content_words(one.text) for one in explanations])
    shared = shared_terms(material.members, material.levels, words, LEAST_HOLDERS)
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
