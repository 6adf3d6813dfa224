"""How much of a cluster's held-out activation its name describes.

    .venv/bin/python -m bench.bench_name_share BUNDLE

Names are made from the bundle's tables by the code as it is, so two versions of the code can be
compared on one bundle. Of every reproducible cluster of the level that is shown first: the share of
the members' activation in held-out documents on tokens that have a term of the name, and on tokens
that have one or a form of it (`word_forms.py`). Members count alike. Beside it, the same for the
name of another cluster.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from analysis.bundle import Bundle, open_bundle
from analysis.labels.cluster_names import ClusterName
from analysis.labels.descriptions import Kind, Readable, readable_terms
from analysis.labels.evidence_labels import labels_from_evidence
from analysis.labels.material import Material
from analysis.labels.split import Split, split_tokens
from analysis.labels.terms import TokenTerms, terms_of_units
from analysis.labels.units import token_units
from analysis.labels.unspaced import words_of_latents
from analysis.labels.word_forms import forms
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT


def measure(path: str, seed: str = "0") -> None:
    """Print the shares of all reproducible clusters, and of the names of others."""
    bundle = open_bundle(Path(path))
    material = Material(
        bundle.path, bundle.activations, bundle.latents, bundle.clusters, bundle.memberships
    )
    split = split_tokens(bundle.tokens, bundle.manifest.parameters.seed)
    units = token_units(bundle.tokens)
    lexicon = words_of_latents(bundle.activations, units, split.naming, memory_bytes=MEMORY_BYTES)
    terms = terms_of_units(units, split.naming, lexicon)
    names = labels_from_evidence(material, terms, split, MEMORY_BYTES, SILENT).clusters
    places = [i for i in believable(bundle) if names[i].text]
    readable = readable_terms(terms)
    place_of = {
        (kind, text.casefold()): place
        for place, (kind, text) in enumerate(zip(readable.kinds, readable.texts, strict=True))
    }
    corpus = (terms, readable, split, place_of)
    own = np.array([_shares(names[i], material.members[i], bundle, corpus) for i in places])
    order = np.random.default_rng(int(seed)).permutation(len(places))
    other = dict(zip(order.tolist(), np.roll(order, 1).tolist(), strict=True))
    shuffled = np.array(
        [
            _shares(names[places[other[k]]], material.members[i], bundle, corpus)
            for k, i in enumerate(places)
        ]
    )
    print(f"{bundle.name}: {len(places)} reproducible clusters; share of held-out activation")
    for title, shares in (("own names", own), ("names of others", shuffled)):
        for column, what in enumerate(("a term of the name", "a term or a form of it")):
            values = shares[:, column]
            print(
                f"{title:16} {what:24} median {np.median(values):.3f}  "
                f"quartiles {np.quantile(values, 0.25):.3f} {np.quantile(values, 0.75):.3f}  "
                f"at least .5: {np.mean(values >= 0.5):.0%}  "
                f"at least .25: {np.mean(values >= 0.25):.0%}"
            )
    texts = [names[i].text for i in places]
    groups = {
        "whole": [not t.startswith("mixed") and not t.endswith("+ others") for t in texts],
        "+ others": [t.endswith("+ others") for t in texts],
        "mixed": [t.startswith("mixed") for t in texts],
    }
    for title, chosen in groups.items():
        values = own[chosen, 1]
        if len(values):
            print(
                f"{title:10} {len(values):4} names, median share {np.median(values):.3f}, "
                f"at least .5: {np.mean(values >= 0.5):.0%}, .4: {np.mean(values >= 0.4):.0%}"
            )
    lengths = np.array([len(t) for t in texts])
    print(f"length: median {np.median(lengths):.0f}, at most 26: {np.mean(lengths <= 26):.0%}")


def believable(bundle: Bundle) -> list[int]:
    """Places in the cluster table of the reproducible clusters of the level that is shown first."""
    level = bundle.manifest.first_level()
    return [
        i
        for i, row in enumerate(bundle.clusters.to_pylist())
        if level is not None
        and (row["space"], row["level"]) == (level.space, level.level)
        and row["believable"] is not False
    ]


def _shares(
    name: ClusterName,
    members: np.ndarray,
    bundle: Bundle,
    corpus: tuple[TokenTerms, Readable, Split, Mapping[tuple[Kind, str], int]],
) -> tuple[float, float]:
    """The mean share of the members' held-out activation on the name's terms, and on forms too."""
    terms, readable, split, places = corpus
    pairs = set(zip(name.kinds, (text.casefold() for text in name.terms), strict=True))
    shares = []
    for member in members.tolist():
        rows, values = bundle.activations.of_latent(member)
        rows, values = rows[split.held_out[rows]], values[split.held_out[rows]].astype(np.float64)
        if not len(rows):
            continue
        on = np.stack([np.where(k[rows] >= 0, readable.of_term[k[rows]], -1) for k in terms.kinds])
        ids = np.unique(on[on >= 0]).tolist()
        exact = np.array([(readable.kinds[t], readable.texts[t].casefold()) in pairs for t in ids])
        named = [places[pair] for pair in pairs]
        is_form = forms([*named, *ids], readable)[: len(named), len(named) :].any(axis=0)
        shares.append(
            [
                values @ np.isin(on, np.array(ids)[chosen]).any(axis=0) / values.sum()
                for chosen in (exact, exact | is_form)
            ]
        )
    exact_share, form_share = np.mean(shares, axis=0) if shares else (0.0, 0.0)
    return float(exact_share), float(form_share)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(*sys.argv[1:])
    else:
        print(__doc__)
