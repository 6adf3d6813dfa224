"""All that is said of latents and clusters, as the last columns of their two tables.

Labels, top tokens, terms and proposed names are made from the naming documents; the scores of all
of them, and of imported explanations, come from the held-out ones.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import TABLES, LabelSummary, LatentTable
from analysis.labels.explanations import content_words, word_terms
from analysis.labels.material import SHARED_BY, Found, Material, Names, find_names
from analysis.labels.naming import SharedTerm, explained_ballot, shared_terms
from analysis.labels.prompts import Subject, cluster_subjects, latent_subjects
from analysis.labels.proposers import proposed_names
from analysis.labels.requested import LabelSources
from analysis.labels.scoring import LEAST_CONTEXTS, Scores, score_names
from analysis.labels.split import Split, split_tokens
from analysis.labels.terms import TokenTerms, token_terms

Report = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Labelled:
    """Both tables, whole."""

    latents: pa.Table
    clusters: pa.Table
    summary: LabelSummary


@dataclass(frozen=True)
class _Explained:
    """Explanations of n latents or clusters, and where each comes from."""

    text: list[str]
    source: list[str]


def label_tables(
    material: Material,
    sources: LabelSources,
    *,
    seed: int,
    kept_answers: Path,
    memory: int,
    report: Report,
) -> Labelled:
    """Name everything and score the names.

    `kept_answers` is the file that keeps a language model's answers; `memory` bounds blocks of
    activations in bytes; `report` is called with a step's name, pieces done and in all.
    """
    tokens = pq.read_table(material.tables / "tokens.parquet")
    split = split_tokens(tokens, seed)
    terms = token_terms(tokens, split.naming)
    found = find_names(material, terms, split, memory, partial(report, "labels, latents"))
    explained = _explain(material, sources, found, split, kept_answers, report)
    names = [found.latents, found.clusters]
    for part in explained:
        words = word_terms([content_words(text) for text in part.text], terms)
        names.append(Names(part.text, words))
    scored = _score(material, terms, split, names, memory)
    latents = {
        "label": found.latents.text,
        "top_tokens": found.top_tokens,
        **_score_columns(scored[0], explained[0], scored[2]),
    }
    clusters = {
        "label": found.clusters.text,
        **_evidence_columns(material, found, explained[0]),
        **_score_columns(scored[1], explained[1], scored[3]),
    }
    return Labelled(
        _with(material.latents, TABLES["latents"], latents),
        _with(material.clusters, TABLES["clusters"], clusters),
        _summary(split, scored[0].words, explained, scored[2:]),
    )


def _explain(
    material: Material,
    sources: LabelSources,
    found: Found,
    split: Split,
    kept_answers: Path,
    report: Report,
) -> tuple[_Explained, _Explained]:
    """Explanations of the latents and of the clusters: imported ones, then proposed ones."""
    F, C = material.latents.num_rows, material.clusters.num_rows
    imported = sources.imported(F)
    latents = _Explained(
        [imported.texts.get(latent, "") for latent in range(F)],
        [imported.source if latent in imported.texts else "" for latent in range(F)],
    )
    clusters = _Explained([""] * C, [""] * C)
    if (proposer := sources.proposer()) is None:
        return latents, clusters
    wanted = _densest_unexplained(material, latents, sources.latents)
    subjects = _subjects(material, found, split, wanted)
    names = proposed_names(proposer, subjects, kept_answers, partial(report, "names proposed"))
    for kind, places, given in ((clusters, range(C), names[:C]), (latents, wanted, names[C:])):
        for place, name in zip(places, given, strict=True):
            if name:
                kind.text[place], kind.source[place] = name, f"model: {proposer.name}"
    return latents, clusters


def _subjects(
    material: Material, found: Found, split: Split, latents: Sequence[int]
) -> list[Subject]:
    """What a language model is told of every cluster, and then of some latents."""
    contexts = LatentTable(material.tables / "contexts.parquet")
    documents = split.ids[~split.is_held_out].tolist()
    raised = [[found.raised.shown[t.term] for t in row] for row in found.cluster_raised]
    return [
        *cluster_subjects(
            material.specific_members,
            found.cluster_terms,
            raised,
            found.tokens,
            contexts,
            documents,
        ),
        *latent_subjects(latents, found.top_tokens, found.raised, contexts, documents),
    ]


def _densest_unexplained(material: Material, latents: _Explained, most: int) -> list[int]:
    """Up to `most` latents without explanation, those that fire most often first, no dense ones."""
    active = material.latents["active_tokens"].to_numpy()
    order = np.argsort(-active, kind="stable").tolist()
    eligible = (i for i in order if active[i] and not material.dense[i] and not latents.text[i])
    return list(islice(eligible, most))


def _score(
    material: Material, terms: TokenTerms, split: Split, names: Sequence[Names], memory: int
) -> list[Scores]:
    """The scores of names of the latents, of the clusters, and of both again."""
    alone = np.arange(material.latents.num_rows)[:, None]
    members = [*alone, *material.specific_members] * 2
    scores = score_names(
        members,
        [row for one in names for row in one.terms],
        material.activations,
        terms,
        held_out=split.held_out,
        memory=memory,
    )
    return scores.parts([len(one.text) for one in names])


def _with(table: pa.Table, schema: pa.Schema, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """The table with further columns, in their declared types."""
    for name, values in columns.items():
        field = schema.field(name)
        table = table.append_column(field, pa.array(values, from_pandas=True).cast(field.type))
    return table


def _score_columns(label: Scores, given: _Explained, explanation: Scores) -> dict[str, Any]:
    return {
        "label_precision": label.precision,
        "label_recall": label.recall,
        "label_lift": label.lift,
        "label_contexts": label.active,
        "explanation": given.text,
        "explanation_source": given.source,
        "explanation_precision": explanation.precision,
        "explanation_recall": explanation.recall,
    }


def _evidence_columns(
    material: Material, found: Found, explained: _Explained
) -> dict[str, list[list[dict[str, Any]]]]:
    """What the members of each cluster share, of each kind of evidence."""
    words = explained_ballot([content_words(text) for text in explained.text])
    shared = shared_terms(material.clusters, material.memberships, words, SHARED_BY)
    return {
        "terms": _told(found.cluster_terms, found.tokens.shown),
        "raised": _told(found.cluster_raised, found.raised.shown),
        "explained": _told(shared, words.shown),
    }


def _told(
    terms: Sequence[Sequence[SharedTerm]], shown: Sequence[str]
) -> list[list[dict[str, Any]]]:
    return [
        [{"term": shown[t.term], "score": t.score, "latents": t.latents} for t in row]
        for row in terms
    ]


def _summary(
    split: Split, words: int, explained: Sequence[_Explained], scored: Sequence[Scores]
) -> LabelSummary:
    held_out = int(split.is_held_out.sum())
    return LabelSummary(
        naming_documents=len(split.ids) - held_out,
        held_out_documents=held_out,
        held_out_words=words,
        least_contexts=LEAST_CONTEXTS,
        explanations=sorted({source for part in explained for source in part.source} - {""}),
        explained=sum(text != "" for part in explained for text in part.text),
        explanations_scored=sum(int(np.isfinite(part.precision).sum()) for part in scored),
    )
