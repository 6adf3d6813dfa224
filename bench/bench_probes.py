"""How well one latent tells the texts of a class: `python -m bench.bench_probes --sae FOLDER`.

For each of the 20 classes of `probe_classes.py`: the largest activation of a latent on a text is
its score, and the AUC of a latent over the texts says how well it tells the class. The latent is
picked on half of the texts and reported on the other half. Beside it stand the best of as many
random directions, picked in the same way, the best single word, and the best latent for permuted
labels. The package with the texts is fetched by name, and nothing of it is shipped.
"""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
import typer
from scipy.stats import rankdata

from analysis.harvest.forward import hook_in, hooked_activations
from analysis.harvest.hooks import parse_hook_point
from analysis.harvest.models import DEMO_MODEL, LanguageModel, load_language_model
from analysis.runtime.cache_folder import cache_folder
from analysis.saes import load_sae
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from bench.probe_classes import CLASSES, ProbeClass
from data.recipes.texts.packages import fetch

PACKAGE = "pip:sae-probes==0.4.2"
TEXTS = 200
"""Of each class, and as many others."""
MOST_TOKENS = 192
LEAST_TEXTS = 5
"""Fewest texts with a word that may be the best one."""
GOOD_AUC = 0.9

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Probe:
    """How well single features tell a class, on texts that did not pick them."""

    file: str
    meaning: str
    texts: int
    latent: int
    auc: float
    random_auc: float
    """Of the best random direction."""
    word: str
    word_auc: float
    permuted_auc: float
    """Of the latent that is best for permuted labels."""


def auc(scores: Floats, inside: Bools) -> npt.NDArray[np.float64]:
    """AUC [features] of scores [texts, features]: the chance that a text inside scores higher.

    Equal scores count half. Source: Mann and Whitney 1947.
    """
    ranks = rankdata(scores, axis=0)
    n = int(inside.sum())
    below = ranks[inside].sum(axis=0) - n * (n + 1) / 2
    return np.asarray(below / max(n * (len(inside) - n), 1))


def picked(scores: Floats, inside: Bools, picks: Bools) -> tuple[int, float]:
    """The feature with the largest AUC on the texts that pick, and its AUC on the others."""
    best = int(auc(scores[picks], inside[picks]).argmax())
    return best, float(auc(scores[~picks][:, [best]], inside[~picks])[0])


def word_scores(texts: Sequence[str]) -> tuple[list[str], Floats]:
    """Words in at least `LEAST_TEXTS` texts, and whether each text has them [texts, words]."""
    sets = [set(re.findall(r"[^\W_]+", text.casefold())) for text in texts]
    counts: dict[str, int] = {}
    for words in sets:
        for word in words:
            counts[word] = counts.get(word, 0) + 1
    known = sorted(word for word, count in counts.items() if count >= LEAST_TEXTS)
    scores = np.array([[word in words for word in known] for words in sets], dtype=np.float32)
    return known, scores.reshape(len(texts), len(known))


def chosen_texts(one: ProbeClass, seed: int) -> tuple[list[str], Bools]:
    """A seeded choice of `TEXTS` texts in the class and as many others, in random order."""
    folder = fetch(PACKAGE, cache_folder() / "sources") / "sae_probes/data/cleaned_data"
    packed = pa.BufferReader((folder / f"{one.file}.csv.zst").read_bytes())
    content = pa.CompressedInputStream(packed, "zstd").read().decode("utf-8", "replace")
    csv.field_size_limit(1 << 24)
    rows = list(csv.DictReader(io.StringIO(content)))
    generator = np.random.default_rng(seed)
    own: list[tuple[str, bool]] = []
    for is_inside in (True, False):
        some = [row["prompt"] for row in rows if (row["target"] == one.inside) == is_inside]
        order = generator.permutation(len(some))[:TEXTS]
        own += [(some[i], is_inside) for i in order]
    mixed = [own[i] for i in generator.permutation(len(own))]
    return [text for text, _ in mixed], np.array([inside for _, inside in mixed])


def text_scores(
    texts: Sequence[str],
    model: LanguageModel,
    sae: SparseAutoencoder,
    hook: str,
    directions: torch.Tensor,
) -> tuple[Floats, Floats]:
    """Largest activation of each latent, and projection on each direction [d, n], on each text."""
    point = hook_in(model, parse_hook_point(hook))
    latents = np.zeros((len(texts), sae.d_sae), np.float32)
    projections = np.zeros((len(texts), directions.shape[1]), np.float32)
    for i, text in enumerate(texts):
        ids = model.tokenizer(text, add_special_tokens=False)["input_ids"][:MOST_TOKENS]
        if len(ids) < 2:
            continue
        x = hooked_activations(model, point, np.array([ids]))[0][1:].float()  # 0 is a sink
        _, active, values = sae.encode_sparse(x)
        np.maximum.at(latents[i], active.numpy(), values.float().numpy())
        projections[i] = (x @ directions).amax(dim=0).numpy()
    return latents, projections


def probe(
    one: ProbeClass, model: LanguageModel, sae: SparseAutoencoder, hook: str, seed: int
) -> Probe:
    """The best latent, direction and word of one class."""
    texts, inside = chosen_texts(one, seed)
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(sae.d_in, sae.d_sae, generator=generator)
    latents, projections = text_scores(texts, model, sae, hook, directions)
    picks = np.arange(len(texts)) % 2 == 0
    words, has = word_scores(texts)
    latent, own = picked(latents, inside, picks)
    word, of_word = picked(has, inside, picks)
    permuted = np.random.default_rng(seed).permutation(inside)
    return Probe(
        one.file, one.meaning, len(texts), latent, own,
        picked(projections, inside, picks)[1], words[word], of_word,
        picked(latents, permuted, picks)[1],
    )  # fmt: skip


def described(probes: Sequence[Probe]) -> str:
    """The probes as a Markdown table, and how many classes some latent tells."""
    lines = ["| class | latent | AUC | random directions | word | its AUC | permuted labels |"]
    lines.append("|" + "---|" * 7)
    for p in probes:
        lines.append(
            f"| {p.meaning} | {p.latent} | {p.auc:.3f} | {p.random_auc:.3f} | {p.word} | "
            f"{p.word_auc:.3f} | {p.permuted_auc:.3f} |"
        )
    good = sum(p.auc >= GOOD_AUC and p.auc > max(p.random_auc, p.permuted_auc) for p in probes)
    lines.append(
        f"\n{good} of {len(probes)} classes have a latent with a held-out AUC of at least "
        f"{GOOD_AUC:g}, above random directions and permuted labels."
    )
    return "\n".join(lines)


def main(
    sae: Annotated[Path, typer.Option(help="A saved SAE.")],
    out: Annotated[Path | None, typer.Option(help="JSON file of the result.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the choice of texts.")] = 0,
) -> None:
    """Measure how well one latent of an SAE tells each class."""
    opened = load_sae(sae)
    if opened.hook_point is None:
        raise typer.BadParameter(f"{sae} does not name its hook point.")
    model = load_language_model(DEMO_MODEL)
    probes = []
    for one in CLASSES:
        probes.append(probe(one, model, opened, opened.hook_point, seed))
        print(probes[-1], flush=True)
    if out is not None:
        out.write_text(json.dumps([asdict(p) for p in probes], indent=1) + "\n", encoding="utf-8")
    print(described(probes))


if __name__ == "__main__":
    typer.run(main)
