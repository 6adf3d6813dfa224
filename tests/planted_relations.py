"""A corpus of 128,000 kept tokens in which the relations between latents are known.

Documents of different lengths have three topics each, in runs. Every latent fires in bursts.
Planted are

- 20 parents. Each fires on 99 % of the words of one topic and has three children: the first fires
  on two of the words, the second on two others, the third on any. 97 to 100 % of the tokens of a
  child are tokens of the parent. This makes 60 implications and 20 pairs of exclusive siblings;
- 20 pairs of duplicates. 97 to 100 % of the tokens of each are tokens of the other;
- 20 absorbed pairs: a main latent fires on 90 % of a topic's words except one word, on which it
  fires in 2 % of cases and another latent in 95 %. Their decoder vectors are similar;
- 200 independent latents, bursty by document and inside documents; 4 dense ones;
- 20 pairs that fire in different documents and have similar decoder vectors. No token shows whether
  one silences the other;
- 50 latents that fire on BOS and almost nowhere else. BOS is at the start of every document and
  once inside it.

Decoder vectors of unrelated latents have cosines far below .3, except for neighbours among the
independent latents, which are decoys.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from analysis.bundle import Activations, kept_tokens, write_table
from analysis.cooccurrence.partners import count_partners
from analysis.cooccurrence.strongest import Ranking
from analysis.decoder.graph import decoder_graph, neighbour_table
from analysis.harvest.mask import MaskCounts
from analysis.harvest.shards import Shard, ShardFacts, write_shard
from analysis.harvest.store import write_activation_tables

FAMILIES, TWINS, ABSORBED, FREE, DENSE, APART, ON_BOS = 20, 20, 20, 200, 4, 20, 50
WORDS = 8
DOCUMENTS, KEPT_TOKENS = 256, 128_000
WIDTH = 256


@dataclass(frozen=True)
class PlantedRelations:
    """The stored tables, and the planted pairs of each relation."""

    tables: Path
    activations: Activations
    decoder: np.ndarray = field(repr=False)
    n_tokens: int
    implications: set[tuple[int, int]]
    duplicates: set[tuple[int, int]]
    absorbed: set[tuple[int, int]]
    apart: set[tuple[int, int]]
    exclusive: set[tuple[int, int]]
    parents: range
    free: range
    on_bos: range


def _ranges(*sizes: int) -> list[range]:
    ends = np.cumsum(sizes).tolist()
    return [range(end - size, end) for end, size in zip(ends, sizes, strict=True)]


PARENTS, CHILDREN, PAIRED, MAIN, ABSORBING, FREE_IDS, DENSE_IDS, APART_IDS, BOS_IDS = _ranges(
    FAMILIES, 3 * FAMILIES, 2 * TWINS, ABSORBED, ABSORBED, FREE, DENSE, 2 * APART, ON_BOS
)
LATENTS = BOS_IDS.stop


def planted_relations(folder: Path, seed: int = 0, mask_bos: bool = True) -> PlantedRelations:
    """Write tokens, activations, partners and neighbours to `folder`.

    With `mask_bos` False, BOS tokens are kept and the activations on them are stored.
    """
    rng = np.random.default_rng(seed)
    document, topic, word, is_bos = _tokens(rng)
    active = np.zeros((len(document), LATENTS), dtype=bool)
    _plant_families(rng, active, topic, word)
    bursts = Bursts(rng, document)
    for first, second in zip(PAIRED[::2], PAIRED[1::2], strict=True):
        _plant_twins(rng, active, bursts.draw(), first, second)
    _plant_absorption(rng, active, topic, word)
    for latent in FREE_IDS:
        active[:, latent] = bursts.draw()
    for latent, rate in zip(DENSE_IDS, (0.15, 0.2, 0.3, 0.6), strict=True):
        active[:, latent] = rng.random(len(document)) < rate
    for i, latent in enumerate(APART_IDS):
        active[:, latent] = bursts.draw() & (document % 2 == i % 2)
    for latent in BOS_IDS:
        active[:, latent] = rng.random(len(document)) < 1e-4
    active[is_bos] = False
    if not mask_bos:
        active[np.ix_(is_bos, np.array(BOS_IDS))] = rng.random((is_bos.sum(), ON_BOS)) < 0.99
    decoder = _decoder(rng)
    kept = ~is_bos if mask_bos else np.ones_like(is_bos)
    activations = write_world(folder, document, kept, active, decoder)
    children = np.array(CHILDREN).reshape(FAMILIES, 3).tolist()
    return PlantedRelations(
        folder,
        activations,
        decoder,
        int(kept.sum()),
        implications={(c, p) for p, of_p in zip(PARENTS, children, strict=True) for c in of_p},
        duplicates=set(zip(PAIRED[::2], PAIRED[1::2], strict=True)),
        absorbed=set(zip(MAIN, ABSORBING, strict=True)),
        apart=set(zip(APART_IDS[::2], APART_IDS[1::2], strict=True)),
        exclusive={(first, second) for first, second, _ in children},
        parents=PARENTS,
        free=FREE_IDS,
        on_bos=BOS_IDS,
    )


def _tokens(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Document, topic (-1 = none), word in the topic and whether it is BOS, for every token."""
    lengths = rng.integers(250, 750, DOCUMENTS)
    lengths = lengths * KEPT_TOKENS // lengths.sum()
    lengths[-1] += KEPT_TOKENS - lengths.sum()
    topics = []
    bos = []
    for length in lengths:
        own = np.append(rng.choice(FAMILIES + ABSORBED, 3, replace=False), -1)
        runs = rng.geometric(0.1, length)
        topic = np.repeat(rng.choice(own, length, p=(0.3, 0.3, 0.2, 0.2)), runs)[:length]
        middle = int(rng.integers(1, length))
        topics.append(np.insert(topic, [0, middle], -1))
        bos.append(np.isin(np.arange(length + 2), [0, middle + 1]))
    document = np.repeat(np.arange(DOCUMENTS), lengths + 2)
    topic = np.concatenate(topics)
    return document, topic, rng.integers(0, WORDS, len(topic)), np.concatenate(bos)


def _plant_families(
    rng: np.random.Generator, active: np.ndarray, topic: np.ndarray, word: np.ndarray
) -> None:
    n = len(topic)
    for family, parent in enumerate(PARENTS):
        active[:, parent] = (topic == family) & (rng.random(n) < 0.99)
        chosen = (np.isin(word, (0, 1)), np.isin(word, (2, 3)), rng.random(n) < 0.25)
        for child, own in zip(CHILDREN[3 * family : 3 * family + 3], chosen, strict=True):
            inside = active[:, parent] & own & (rng.random(n) < 0.95)
            strays = inside.sum() * rng.uniform(0.0, 0.03) / n
            active[:, child] = inside | (~active[:, parent] & (rng.random(n) < strays))


def _plant_twins(
    rng: np.random.Generator, active: np.ndarray, both: np.ndarray, first: int, second: int
) -> None:
    for latent in (first, second):
        active[:, latent] = both & (rng.random(len(both)) < rng.uniform(0.97, 1.0))


def _plant_absorption(
    rng: np.random.Generator, active: np.ndarray, topic: np.ndarray, word: np.ndarray
) -> None:
    n = len(topic)
    for i, (main, absorbing) in enumerate(zip(MAIN, ABSORBING, strict=True)):
        inside = topic == FAMILIES + i
        absorbed = inside & (word == 0)
        active[:, absorbing] = absorbed & (rng.random(n) < 0.95)
        active[:, main] = inside & (rng.random(n) < np.where(absorbed, 0.02, 0.9))


class Bursts:
    """Draws independent latents that fire in bursts: in stretches of some documents."""

    def __init__(self, rng: np.random.Generator, document: np.ndarray) -> None:
        self._rng = rng
        self._document = document

    def draw(self) -> np.ndarray:
        """Activity [tokens] of one latent, on 0.5 to 3 % of the tokens."""
        rng, document = self._rng, self._document
        rate = rng.gamma(0.3, 1 / 0.3, DOCUMENTS) * rng.uniform(0.005, 0.03)
        # Stretches of about 40 tokens; every fifth is a burst.
        stretch = np.cumsum(rng.random(len(document)) < 1 / 40)
        burst = rng.random(stretch[-1] + 1) < 0.2
        return rng.random(len(document)) < rate[document] * np.where(burst[stretch], 4.6, 0.1)


def _decoder(rng: np.random.Generator) -> np.ndarray:
    """Unit vectors [LATENTS, WIDTH]; related latents, and decoys, have a cosine of about .6."""
    rows = rng.standard_normal((LATENTS, WIDTH))
    groups = [
        *([parent, *CHILDREN[3 * i : 3 * i + 3]] for i, parent in enumerate(PARENTS)),
        *(list(pair) for pair in zip(MAIN, ABSORBING, strict=True)),
        *(list(ids[i : i + 2]) for ids in (PAIRED, FREE_IDS, APART_IDS) for i in _evens(ids)),
    ]
    for group in groups:
        rows[group] = 1.2 * rng.standard_normal(WIDTH) + rows[group]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _evens(ids: range) -> range:
    return range(0, len(ids), 2)


def write_world(
    folder: Path,
    document: np.ndarray,
    kept: np.ndarray,
    active: np.ndarray,
    decoder: np.ndarray,
    values: np.ndarray | None = None,
) -> Activations:
    """Write tokens, activations, partners and neighbours to `folder`.

    `document` [tokens] ascends from 0, `kept` is bool [tokens], `active` bool [tokens, latents],
    `decoder` [latents, d] and `values` float32 [tokens, latents], by default 1.
    """
    shards = folder / "shards"
    shards.mkdir(parents=True)
    rows, latents = np.nonzero(active)
    starts = np.searchsorted(document, np.arange(document[-1] + 1))
    shard = Shard(
        document=document.astype(np.int64),
        position=(np.arange(len(document)) - starts[document]).astype(np.int32),
        token=pa.array(["w"] * len(document)).dictionary_encode(),
        kept=kept,
        active=active.sum(axis=1).astype(np.int32),
        latents=latents.astype(np.uint32),
        activations=np.ones(len(rows), np.float32) if values is None else values[active],
        facts=ShardFacts(
            mask=MaskCounts(kept=int(kept.sum()), special=int((~kept).sum())),
            active=len(rows),
        ),
    )
    write_shard(shards, 0, shard)
    activations = write_activation_tables(shards, folder, active.shape[1])
    partners = folder / "counting"
    count_partners(activations, kept_tokens(folder), folder, partners, Ranking(32, 10))
    graph = decoder_graph(decoder, eligible=np.asarray(active.any(axis=0)))
    write_table(folder, "neighbours", neighbour_table(graph))
    return activations
