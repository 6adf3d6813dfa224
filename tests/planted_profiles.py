"""Bundles whose documents have values, for tests of profiles."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle, kept_tokens, open_activations, publish, write_table
from analysis.clusters.members import members_of_clusters
from analysis.labels.profiles.document_columns import document_columns
from analysis.labels.profiles.profile_tables import cluster_profiles, latent_profiles


def planted_languages(bundle: Bundle) -> list[str]:
    """A language of each document of the planted bundle that follows two of its topics."""
    counts = [
        np.bincount(
            bundle.kept_tokens.documents_of(bundle.activations.of_latent(latent)[0]),
            minlength=bundle.documents.num_rows,
        )
        for latent in (0, 10)
    ]
    french, german = (own > np.median(own) for own in counts)
    return ["fr" if f else "de" if d else "en" for f, d in zip(french, german, strict=True)]


def write_profiles(
    folder: Path, tables: Mapping[str, pa.Table], columns: Mapping[str, Sequence[str]]
) -> None:
    """Write the tables of profiles into a folder of tables, given latents, clusters and documents.

    A document without a value has an empty text.
    """
    documents = tables["documents"]
    rows = [
        {"document": document, "column": name, "value": words[i]}
        for i, document in enumerate(documents["document"].to_pylist())
        for name, words in columns.items()
        if words[i]
    ]
    values = pa.Table.from_pylist(rows)
    known = document_columns(documents, values)
    read = open_activations(folder, tables["latents"].num_rows), kept_tokens(folder), known
    members = members_of_clusters(tables["memberships"], tables["clusters"].num_rows)
    for name in ("column", "value"):
        words = values[name].dictionary_encode()
        values = values.set_column(values.column_names.index(name), name, words)
    write_table(folder, "document_values", values)
    write_table(folder, "latent_profiles", latent_profiles(*read))
    write_table(folder, "cluster_profiles", cluster_profiles(members, *read))


def with_profiles(bundle: Bundle, folder: Path, columns: Mapping[str, Sequence[str]]) -> Bundle:
    """A copy of a bundle under `folder` whose documents have these values in these columns."""
    work = Path(shutil.copytree(bundle.path, folder / "work"))
    (work / "manifest.json").unlink()
    names = ("documents", "latents", "memberships", "clusters")
    write_profiles(work, {name: getattr(bundle, name) for name in names}, columns)
    return publish(work, bundle.manifest, folder / "profiled")
