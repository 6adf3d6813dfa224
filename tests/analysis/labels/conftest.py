"""A small text with latents of known meaning, and a chat server for proposed names."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Activations, write_table
from analysis.labels.evidence import Evidence, token_evidence
from analysis.labels.prompts import Subject
from analysis.labels.terms import token_terms
from tests.analysis.labels.chat_server import ChatServer

SEA_SUBJECT = Subject(["whale", "ship"], ["harbour"], ["the [[whale]] dived", "a [[ship]] at sea"])
LAW_SUBJECT = Subject(["court", "judge"], [], ["the [[court]] ruled", "said the [[judge]]"])

WORDS = [" whale", " ship", " sail", " court", " judge", " the", " of", " straw", "berry", ",", "↵"]
SEA, LAW, THE, FRUIT, EVERYTHING, RARE, SILENT = range(7)
N = 4_000


@pytest.fixture(scope="session")
def small_tokens() -> pa.Table:
    rng = np.random.default_rng(0)
    chance = np.array([2, 2, 2, 2, 2, 20, 10, 3, 0, 8, 4], dtype=float)
    words = rng.choice(len(WORDS), N, p=chance / chance.sum())
    for row in range(1, N):
        if words[row - 1] == WORDS.index(" straw"):
            words[row] = WORDS.index("berry")
    return pa.table(
        {
            "document": np.repeat(np.arange(8), N // 8),
            "position": np.tile(np.arange(N // 8, dtype=np.int32), 8),
            "token": pa.array([WORDS[w] for w in words]).dictionary_encode(),
            "kept": np.ones(N, dtype=bool),
            "active_latents": np.zeros(N, dtype=np.int32),
        }
    )


@pytest.fixture(scope="session")
def fires(small_tokens: pa.Table) -> list[tuple[np.ndarray, np.ndarray]]:
    """Token rows and activations of every latent."""
    rng = np.random.default_rng(1)
    text = np.array(small_tokens["token"].to_pylist())
    sets = [
        np.flatnonzero(np.isin(text, [" whale", " ship"])),
        np.flatnonzero(np.isin(text, [" court", " judge"])),
        np.sort(np.concatenate([np.flatnonzero(text == " the"), rng.choice(N, 20, replace=False)])),
        np.flatnonzero(text == "berry"),
        np.flatnonzero(rng.random(N) < 0.5),
        np.flatnonzero(text == " sail")[:3],
        np.empty(0, dtype=int),
    ]
    return [(np.unique(s), rng.gamma(3, 1, len(np.unique(s))).astype(np.float32)) for s in sets]


@pytest.fixture(scope="session")
def small_activations(
    fires: list[tuple[np.ndarray, np.ndarray]], tmp_path_factory: pytest.TempPathFactory
) -> Activations:
    folder: Path = tmp_path_factory.mktemp("tables")
    rows = np.concatenate([f[0] for f in fires]).astype(np.uint32)
    values = np.concatenate([f[1] for f in fires])
    write_table(folder, "activations_by_latent", pa.table({"token": rows, "activation": values}))
    return Activations(folder, np.cumsum([len(f[0]) for f in fires]), np.zeros(N, dtype=np.int64))


@pytest.fixture(scope="session")
def evidence(small_activations: Activations, small_tokens: pa.Table) -> Evidence:
    return token_evidence(
        small_activations, token_terms(small_tokens), naming=np.ones(N, dtype=bool)
    )


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()
