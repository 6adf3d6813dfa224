"""A typed text of 64 tokens on the demo: until its figures and its table are made, once warm.

The first text loads model and SAE in a process of its own; every other text is one that was not
read before. Prints the seconds of the first text, and the median and the slowest of the others: for
the activations, for the ranks among those of the corpus, and for all figures and the table. Then
how close activations are to those that the bundle stores for the same passages.

    python -m bench.bench_own_text [--bundle data/demo] [--texts 20]
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from analysis.bundle import Bundle, open_bundle
from analysis.harvest.own_text.encoded_text import EncodedText
from analysis.harvest.own_text.encoder_process import encoded_text
from analysis.latents.latents_of_text import latents_of_text
from charts.own_text import own_text, own_text_strips, own_text_table

TOKENS = 64
CORPUS = Path(__file__).parents[1] / "data" / "corpus" / "demo.parquet"


def passages(count: int) -> list[tuple[int, str]]:
    """Documents of the demo's corpus, spread over it, as (index, text)."""
    # Imported here because the server does not import torch either.
    from analysis.harvest.corpus import read_corpus  # noqa: PLC0415

    documents = [document for document in read_corpus(CORPUS) if len(document.text) > 8 * TOKENS]
    step = max(len(documents) // count, 1)
    return [(document.index, document.text) for document in documents[::step][:count]]


def beginning(bundle: Bundle, text: str) -> str:
    """The beginning of a text that has about TOKENS tokens."""
    encoded = encoded_text(bundle, text[: 8 * TOKENS])
    share = min(TOKENS / len(encoded.tokens), 1.0)
    return text[: round(8 * TOKENS * share)]


def closeness(bundle: Bundle, document: int, encoded: EncodedText) -> tuple[float, list[float]]:
    """The share of the stored activations whose latent is active too, and their differences."""
    kept = bundle.kept_tokens
    start = int(kept.row_starts[np.flatnonzero(kept.documents == document)[0]])
    # The last token of a text that was cut may be another one in the corpus.
    tokens = len(encoded.tokens) - 1
    latents, counts = bundle.activations.latents_of_tokens(start, start + tokens)
    places = np.repeat(np.arange(tokens), counts)
    pairs = zip(encoded.token_places.tolist(), encoded.latents, strict=True)
    own = dict(zip(pairs, encoded.activations, strict=True))
    common = 0
    differences = []
    for latent, rows, values in bundle.activations.each_of(np.unique(latents).astype(np.int64)):
        for place in places[latents == latent].tolist():
            if (place, latent) in own:
                common += 1
                stored = float(values[np.searchsorted(rows, start + place)])
                differences.append(abs(own[place, latent] / stored - 1))
    return common / len(latents), differences


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--bundle", type=Path, default=Path("data/demo"))
    parser.add_argument("--texts", type=int, default=20)
    options = parser.parse_args()
    bundle = open_bundle(options.bundle)
    begun = time.perf_counter()
    own_text(bundle, "The first text loads model and SAE.")
    print(f"the first text: {time.perf_counter() - begun:.2f} s")
    seconds: dict[str, list[float]] = {"activations": [], "ranks": [], "all": []}
    shares, differences = [], []
    for document, text in passages(options.texts):
        typed = beginning(bundle, text) + " "  # not the text that was just read
        start = time.perf_counter()
        encoded = encoded_text(bundle, typed)
        read = time.perf_counter()
        latents_of_text(bundle, encoded)
        ranked = time.perf_counter()
        for make in (own_text, own_text_strips):
            make(bundle, typed).for_browser()
        own_text_table(bundle, typed)
        seconds["activations"].append(read - start)
        seconds["ranks"].append(ranked - read)
        # The ranks were computed twice.
        seconds["all"].append(time.perf_counter() - start - (ranked - read))
        share, differing = closeness(bundle, document, encoded)
        shares.append(share)
        differences += differing
    for name, values in seconds.items():
        print(f"{name}: median {statistics.median(values):.2f} s, slowest {max(values):.2f} s")
    print(
        f"same latents: {np.mean(shares):.2%}; difference of activations: median "
        f"{np.median(differences):.2%}, 99th percentile {np.quantile(differences, 0.99):.2%}"
    )


if __name__ == "__main__":
    main()
