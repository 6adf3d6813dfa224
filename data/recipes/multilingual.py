"""Latents that fire on the same passages in several languages.

    python -m data.recipes.multilingual --sae FOLDER --out FILE

The texts are messages of the game Battle for Wesnoth with their translations. A latent fires on a
passage if it is active on a token that counts. Tokens that some other translation of the passage
contains too do not count: shared names, digits, punctuation and pieces of words.

Two languages agree on a latent if it fires on the same passages in both more often than if the
passages were paired at random within groups of similar length. The test is that of Mantel and
Haenszel (1959). The family are all latents and pairs of languages in which the latent fires on five
passages or more. A latent is multilingual if three or more languages agree with each other on it.
The same count with passages that are paired at random says how many to expect by chance.
"""

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import torch
import typer
from scipy import stats

from analysis.cooccurrence.fdr import benjamini_hochberg
from analysis.harvest.forward import hook_in, hooked_activations
from analysis.harvest.hooks import parse_hook_point
from analysis.harvest.models import DEMO_MODEL, LanguageModel, load_language_model
from analysis.runtime.cache_folder import cache_folder
from analysis.saes import load_sae
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.selection.tours.languages import untranslated
from data.recipes.texts.games import aligned_messages

LANGUAGES = ("en", "de", "fr", "es", "it", "pt_BR", "pl", "cs")
LEAST_JOINT = 5
"""Fewest passages on which a latent fires in both languages."""
Q = 0.05
LENGTH_GROUPS = 8

Fires = npt.NDArray[np.bool_]
"""[languages, passages, latents]"""


@dataclass(frozen=True)
class Agreement:
    """How many latents fire on the same passages in several languages."""

    passages: int
    languages: tuple[str, ...]
    tested: int
    """Latents that fire on at least `LEAST_JOINT` passages in three languages."""
    in_three: int
    """Latents on which three or more languages agree with each other."""
    in_all: int
    by_chance: int
    """Latents in three with passages that are paired at random."""
    latents: tuple[int, ...]
    """Those in three languages, by the number of languages and then by the agreement."""
    agreeing: tuple[int, ...]
    """The number of languages of each of these latents."""


def agreement_z(
    first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """z [F] of the joint passages under random pairing within groups, and the joint passages [F].

    first and second [N, F] say on which passages each latent fires; groups [N]. With a and b
    passages of n in a group, the joint ones are hypergeometric. z has a continuity correction of
    one half, and is 0 where nothing varies.
    """
    joint = (first & second).sum(axis=0)
    expected, variance = np.zeros(first.shape[1]), np.zeros(first.shape[1])
    for group in np.unique(groups):
        rows = groups == group
        n = int(rows.sum())
        if n < 2:
            expected += (first[rows] & second[rows]).sum(axis=0)
            continue
        a, b = first[rows].sum(axis=0).astype(float), second[rows].sum(axis=0).astype(float)
        expected += a * b / n
        variance += a * b * (n - a) * (n - b) / (n * n * (n - 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (joint - expected - 0.5) / np.sqrt(variance)
    return np.where(variance > 0, z, 0.0), joint.astype(np.int64)


def agreeing_pairs(fires: Fires, groups: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """[pairs, F], whether two languages agree on a latent; pairs as of `itertools.combinations`."""
    pairs = list(itertools.combinations(range(len(fires)), 2))
    z, joint = (
        np.stack(rows)
        for rows in zip(*(agreement_z(fires[a], fires[b], groups) for a, b in pairs), strict=True)
    )
    passages = fires.sum(axis=1)
    tested = np.stack([np.minimum(passages[a], passages[b]) >= LEAST_JOINT for a, b in pairs])
    q = np.ones(z.shape)
    q[tested] = benjamini_hochberg(stats.norm.sf(z[tested]), int(tested.sum()))
    return (q <= Q) & (joint >= LEAST_JOINT)


def agreeing_languages(pairs: npt.NDArray[np.bool_], languages: int) -> npt.NDArray[np.int64]:
    """The most languages [F] that all agree with each other on a latent; 0 without a pair."""
    most = np.zeros(pairs.shape[1], np.int64)
    names = {pair: row for row, pair in enumerate(itertools.combinations(range(languages), 2))}
    for size in range(2, languages + 1):
        for group in itertools.combinations(range(languages), size):
            rows = [names[pair] for pair in itertools.combinations(group, 2)]
            most[pairs[rows].all(axis=0)] = size
    return most


def measured(
    fires: Fires, lengths: npt.NDArray[np.int64], languages: Sequence[str], seed: int = 0
) -> Agreement:
    """Count the latents on which languages agree; lengths [N] are those of the passages."""
    order = np.argsort(np.argsort(lengths, kind="stable"), kind="stable")
    groups = order * LENGTH_GROUPS // len(lengths)
    pairs = agreeing_pairs(fires, groups)
    most = agreeing_languages(pairs, len(languages))
    generator = np.random.default_rng(seed)
    shuffled = fires.copy()
    for one in shuffled[1:]:
        for group in np.unique(groups):
            rows = np.flatnonzero(groups == group)
            one[rows] = one[generator.permutation(rows)]
    chance = agreeing_languages(agreeing_pairs(shuffled, groups), len(languages))
    in_three = np.flatnonzero(most >= 3)
    best = sorted(in_three.tolist(), key=lambda f: (-most[f], -int(pairs[:, f].sum()), f))
    return Agreement(
        passages=fires.shape[1],
        languages=tuple(languages),
        tested=int(((fires.sum(axis=1) >= LEAST_JOINT).sum(axis=0) >= 3).sum()),
        in_three=len(in_three),
        in_all=int((most == len(languages)).sum()),
        by_chance=int((chance >= 3).sum()),
        latents=tuple(best),
        agreeing=tuple(int(most[f]) for f in best),
    )


def firing(
    passages: Sequence[Sequence[str]],
    language_model: LanguageModel,
    sae: SparseAutoencoder,
    hook: str,
) -> Fires:
    """On which passages each latent fires in each language; passages hold the translations."""
    tokenizer = language_model.tokenizer
    point = hook_in(language_model, parse_hook_point(hook))
    fires = np.zeros((len(passages[0]), len(passages), sae.d_sae), np.bool_)
    for place, translations in enumerate(passages):
        ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in translations]
        marks = untranslated([[tokenizer.decode([i]) for i in row] for row in ids])
        for language, (row, mark) in enumerate(zip(ids, marks, strict=True)):
            x = hooked_activations(language_model, point, np.array([row]))[0]
            kept = torch.tensor([m and j > 0 for j, m in enumerate(mark)])  # 0 is a sink
            if kept.any():
                _, latents, _ = sae.encode_sparse(x[kept].float())
                fires[language, place, latents.numpy()] = True
    return fires


def main(
    sae: Annotated[Path, typer.Option(help="A saved SAE.")],
    out: Annotated[Path, typer.Option(help="JSON file of the result.")],
    most: Annotated[int, typer.Option(help="Passages.")] = 600,
    seed: Annotated[int, typer.Option(help="Seed of the choice and of the shuffle.")] = 0,
) -> None:
    """Count the latents of an SAE that fire on the same passages in several languages."""
    torch.set_num_threads(1)
    passages = aligned_messages(cache_folder() / "sources", LANGUAGES, most, seed)
    opened = load_sae(sae)
    if opened.hook_point is None:
        raise typer.BadParameter(f"{sae} does not name its hook point.")
    fires = firing(passages, load_language_model(DEMO_MODEL), opened, opened.hook_point)
    lengths = np.array([len(translations[0]) for translations in passages])
    result = measured(fires, lengths, LANGUAGES, seed)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    print({**asdict(result), "latents": result.latents[:20], "agreeing": result.agreeing[:20]})


if __name__ == "__main__":
    typer.run(main)
