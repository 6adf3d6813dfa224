"""A small world with known structure: tokens, activations and an SAE with planted structure.

Two hundred latents. The first 160 form 16 groups of ten around a topic; in each group

- member 0 is general: it fires on 99 % of the topic's words,
- members 1 to 7 fire on some of the topic's words, and so imply member 0,
- member 8 is a duplicate of member 1, and member 9 fires on half of the tokens of member 2.

Latents 160-189 are independent and bursty by document, 190-195 never fire, 196-199 are dense.
The decoder has one cluster for every group; duplicates have nearly the same vector.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

LATENTS = 200
D_IN = 32
MEMBERS = 10
TOPICS = {
    "sea": "whale ship sail harbour captain tide wave anchor",
    "law": "court judge statute appeal verdict witness clause jury",
    "python": "def return import class lambda yield self None",
    "kitchen": "butter flour oven salt onion simmer knife bake",
    "music": "violin chord melody tempo sonata flute drum choir",
    "space": "orbit planet comet rocket lunar galaxy probe star",
    "medicine": "dose fever tumour nurse vaccine artery surgery pulse",
    "weather": "rain storm cloud snow wind frost thunder humid",
    "farm": "wheat plough cattle harvest barn seed orchard sheep",
    "money": "bank loan interest credit market bond price tax",
    "war": "army siege rifle treaty captain trench soldier flag",
    "days": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday week",
    "colour": "red green blue violet amber scarlet indigo grey",
    "french": "le maison avec est toujours rue petit nous",
    "maths": "proof lemma integer prime matrix vector set limit",
    "sport": "goal referee match team league coach score tennis",
}
FILLERS = ["the", "of", "and", "to", "in", "a", "is", "that", "it", "for", "as", "with", "on", "by"]
GROUPS = len(TOPICS)
INDEPENDENT = range(160, 190)
DEAD = range(190, 196)
DENSE = range(196, 200)
_DENSE_RATES = (0.15, 0.2, 0.3, 0.6)
_WORDS_OF_MEMBER = (8, 6, 6, 5, 5, 4, 3, 2)


@dataclass(frozen=True)
class Planted:
    """The files of a planted world, and its true structure."""

    activations: Path
    """document, position, token, latent, activation; one row per active latent and token."""
    tokens: Path
    """document, position, token; every kept token."""
    n_tokens: int
    groups: dict[str, range] = field(
        default_factory=lambda: {
            topic: range(i * MEMBERS, (i + 1) * MEMBERS) for i, topic in enumerate(TOPICS)
        }
    )
    """Topic to the latents of its group."""
    duplicates: tuple[tuple[int, int], ...] = tuple(
        (g * MEMBERS + 1, g * MEMBERS + 8) for g in range(GROUPS)
    )
    implications: tuple[tuple[int, int], ...] = tuple(
        (g * MEMBERS + m, g * MEMBERS) for g in range(GROUPS) for m in range(1, MEMBERS)
    )
    """(a, b) where a fires on a token only if b does, up to 1 %."""
    dead: range = DEAD
    dense: range = DENSE


def planted_activations(
    folder: Path, seed: int = 0, documents: int = 60, document_tokens: int = 333
) -> Planted:
    """Write activations.parquet and tokens.parquet to `folder`; by default 19,980 tokens."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    words, topics = _tokens(rng, documents, document_tokens)
    document = np.repeat(np.arange(documents), document_tokens)
    position = np.tile(np.arange(document_tokens, dtype=np.int32), documents)
    active = _active(rng, words, topics, document)
    rows, latents = np.nonzero(active)
    scale = rng.uniform(0.5, 4.0, LATENTS)
    values = (scale[latents] * rng.gamma(3.0, 0.5, len(rows)) + 1e-3).astype(np.float32)
    tokens = pa.table(
        {"document": pa.array(document), "position": pa.array(position), "token": pa.array(words)}
    )
    pq.write_table(tokens, folder / "tokens.parquet")
    activations = tokens.take(pa.array(rows)).append_column(
        "latent", pa.array(latents.astype(np.int32))
    )
    pq.write_table(
        activations.append_column("activation", pa.array(values)), folder / "activations.parquet"
    )
    return Planted(folder / "activations.parquet", folder / "tokens.parquet", len(words))


def _tokens(
    rng: np.random.Generator, documents: int, document_tokens: int
) -> tuple[list[str], np.ndarray]:
    """Words [n] of documents with two topics each, and the topic [n] of every word, -1 = none."""
    vocabulary = [words.split() for words in TOPICS.values()]
    words: list[str] = []
    topics: list[int] = []
    for _ in range(documents):
        pair = rng.choice(GROUPS, 2, replace=False)
        for _ in range(document_tokens):
            topic = int(pair[int(rng.random() < 0.3)]) if rng.random() < 0.85 else -1
            choices = vocabulary[topic] if topic >= 0 else FILLERS
            words.append(" " + choices[int(rng.integers(len(choices)))])
            topics.append(topic)
    return words, np.array(topics)


def _active(
    rng: np.random.Generator, words: list[str], topics: np.ndarray, document: np.ndarray
) -> np.ndarray:
    """Which latents are active, bool [n, LATENTS]."""
    n = len(words)
    word = np.array(words)
    active = np.zeros((n, LATENTS), dtype=bool)
    for group, vocabulary in enumerate(TOPICS.values()):
        first = group * MEMBERS
        inside = topics == group
        active[:, first] = inside & (rng.random(n) < 0.99)
        own = [" " + w for w in vocabulary.split()]
        for member, count in enumerate(_WORDS_OF_MEMBER[1:], start=1):
            chosen = rng.choice(own, count, replace=False)
            active[:, first + member] = (
                inside & np.isin(word, chosen) & (rng.random(n) < 0.95) & active[:, first]
            )
        active[:, first + 8] = active[:, first + 1] & (rng.random(n) < 0.97)
        active[:, first + 9] = active[:, first + 2] & (rng.random(n) < 0.5)
    for latent in INDEPENDENT:
        bursts = rng.gamma(0.5, 2.0, int(document.max()) + 1) * rng.uniform(0.005, 0.06)
        active[:, latent] = rng.random(n) < bursts[document]
    for latent, rate in zip(DENSE, _DENSE_RATES, strict=True):
        active[:, latent] = rng.random(n) < rate
    return active


def planted_sae(folder: Path, seed: int = 0, width: int = D_IN) -> Path:
    """Write a ReLU SAE of 32 inputs and 200 latents as a SAELens folder; returns the folder.

    The decoder vectors of a group are close to one centre; those of a duplicate pair differ by 1 %;
    all others are random.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    decoder = rng.standard_normal((LATENTS, width))
    centres = rng.standard_normal((GROUPS, width))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    for group in range(GROUPS):
        first = group * MEMBERS
        noise = 0.5 * rng.standard_normal((MEMBERS, width)) / np.sqrt(width)
        decoder[first : first + MEMBERS] = centres[group] + noise
        decoder[first + 8] = decoder[first + 1] + 0.01 * rng.standard_normal(width) / np.sqrt(width)
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    weights = {
        "W_enc": decoder.T,
        "W_dec": decoder,
        "b_enc": np.full(LATENTS, -0.5),
        "b_dec": 0.1 * rng.standard_normal(width),
    }
    save_file(
        {name: np.ascontiguousarray(w, dtype=np.float32) for name, w in weights.items()},
        folder / "sae_weights.safetensors",
    )
    config = {
        "architecture": "standard",
        "d_in": width,
        "d_sae": LATENTS,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": True,
        "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"hook_name": "blocks.1.hook_resid_post", "sae_lens_version": "6.54.0"},
    }
    (folder / "cfg.json").write_text(json.dumps(config, indent=2))
    return folder
