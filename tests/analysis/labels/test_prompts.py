"""What a language model is shown, and the name that is read from its answer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse

from analysis.bundle import TABLES, Activations, Bundle, KeptTokens, LatentTable, write_table
from analysis.labels.naming import Ballot, SharedTerm, promoted_ballot
from analysis.labels.prompts import (
    CONTEXTS,
    EXAMPLE,
    INSTRUCTION,
    LONGEST_NAME,
    Subject,
    cluster_subjects,
    latent_subjects,
    messages,
    name_in,
)
from analysis.latents.windows import WindowReader
from tests.analysis.labels.conftest import LAW_SUBJECT, SEA_SUBJECT
from tests.planted import LATENTS


def test_a_conversation_is_an_instruction_an_example_and_the_subject() -> None:
    turns = messages(SEA_SUBJECT)
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "user"]
    assert [turn["content"] for turn in turns[:3]] == [INSTRUCTION, *EXAMPLE]
    assert turns[3]["content"].splitlines() == [
        "Words: whale, ship",
        "Next words: harbour",
        "Texts:",
        "- the [[whale]] dived",
        "- a [[ship]] at sea",
    ]
    assert "Next words" not in messages(LAW_SUBJECT)[3]["content"]


def test_at_most_six_contexts_and_promoted_tokens_are_shown() -> None:
    many = [f"t{i}" for i in range(9)]
    lines = messages(Subject([], many, many))[3]["content"].splitlines()
    assert lines == ["Next words: t0, t1, t2, t3, t4, t5", "Texts:", *(f"- t{i}" for i in range(6))]
    assert CONTEXTS == 6


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Sea life", "Sea life"),
        ('\n  "Sea life."\nBecause whales', "Sea life"),
        ("Name: **Sea life**", "Sea life"),
        ("", ""),
        ("...", ""),
        ("a\x00b\u202ec", "abc"),
        ("x" * 500, "x" * LONGEST_NAME),
    ],
)
def test_the_name_in_an_answer(answer: str, name: str) -> None:
    assert name_in(answer) == name


def test_only_contexts_of_the_naming_documents_are_shown(
    planted_bundle: Bundle,
) -> None:
    documents = [0, 3, 5]
    tokens = planted_bundle.tokens.to_pandas()
    texts = ["".join(tokens["token"][tokens["document"] == d]) for d in documents]
    tops = planted_bundle.latents["top_tokens"].to_pylist()
    promoted = promoted_ballot(planted_bundle.logits.all(), LATENTS)
    latents = list(range(0, 160, 10))
    windows = WindowReader.of(planted_bundle)
    subjects = latent_subjects(latents, tops, promoted, planted_bundle.contexts, windows, documents)
    shown = [context for subject in subjects for context in subject.contexts]
    assert shown
    for context in shown:
        plain = context.replace("[[", "").replace("]]", "")
        assert any(plain in text for text in texts)


FIRST, SECOND, EVERY = range(0, 200, 2), range(1, 200, 2), range(200)
"""Documents of the stored contexts."""


def stored_contexts(
    folder: Path, latents: Sequence[int], length: int = 1
) -> tuple[LatentTable, WindowReader]:
    """Two top contexts and a random one for each latent; the best one is in a document of FIRST.

    Each context is in the middle of a document of `length` equal tokens.
    """
    picks = [
        (one, kind, word)
        for one in latents
        for kind, word in (("top", "first"), ("top", "second"), ("random", "odd"))
    ]
    documents = np.array([2 * i + (word != "first") for i, (_, _, word) in enumerate(picks)])
    contexts = {
        "latent": [one for one, _, _ in picks],
        "kind": [kind for _, kind, _ in picks],
        "activation": [1.0] * len(picks),
        "document": documents,
        "position": [length // 2] * len(picks),
    }
    n = len(picks) * length
    tokens: dict[str, Any] = {
        "document": np.repeat(documents, length),
        "position": np.tile(np.arange(length), len(picks)),
        "token": [f" {word}{one}" for one, _, word in picks for _ in range(length)],
        "kept": np.ones(n, dtype=bool),
        "active_latents": np.zeros(n, dtype=np.int32),
    }
    write_table(folder, "contexts", pa.table(contexts))
    write_table(folder, "tokens", pa.table(tokens))
    write_table(folder, "activations_by_latent", TABLES["activations_by_latent"].empty_table())
    kept = KeptTokens.of(tokens["document"], tokens["kept"])
    silent = np.zeros(max(latents) + 1, dtype=np.int64)
    activations = Activations(folder, silent, np.zeros(n, dtype=np.int64))
    return LatentTable(folder / "contexts.parquet"), WindowReader(folder, kept, activations)


def ballot(rows: Sequence[Sequence[float]]) -> Ballot:
    """Latents x terms: the votes, and 1 where a vote is not 0; the terms are a, b, c and so on."""
    votes = scipy.sparse.csr_matrix(np.array(rows, dtype=np.float64))
    shown = [chr(97 + i) for i in range(votes.shape[1])]
    return Ballot(votes, (votes > 0).astype(np.int64), shown, shown)


def test_a_cluster_shows_the_first_context_of_the_members_with_most_of_its_terms(
    tmp_path: Path,
) -> None:
    votes = ballot([[1, 1, 0]] * 5 + [[0, 0, 1]] + [[1, 0, 0], [1, 1, 0]])
    terms = [SharedTerm(0, 1.0, 7), SharedTerm(1, 0.5, 6)]
    [subject] = cluster_subjects(
        [np.arange(8)[::-1]], [terms], [["up"]], votes, *stored_contexts(tmp_path, range(8)), EVERY
    )
    assert (subject.terms, subject.promoted) == (["a", "b"], ["up"])
    assert subject.contexts == [f"[[first{one}]]" for one in (0, 1, 2, 3, 4, 7)]


def test_contexts_of_other_documents_and_kinds_are_left_out(tmp_path: Path) -> None:
    contexts = stored_contexts(tmp_path, range(2))
    votes = ballot([[1.0], [1.0]])
    [subject] = cluster_subjects(
        [np.arange(2)], [[SharedTerm(0, 1.0, 2)]], [[]], votes, *contexts, SECOND
    )
    assert subject.contexts == ["[[second0]]", "[[second1]]"]
    [one] = latent_subjects([1], [["x"], ["y"]], votes, *contexts, EVERY)
    assert one.contexts == ["[[first1]]", "[[second1]]"]
    assert one.terms == ["y"]


def test_promoted_tokens_come_in_the_order_of_their_votes(tmp_path: Path) -> None:
    votes = ballot([[0.2, 0.5, 0.0, 0.2, 0.1]])
    [one] = latent_subjects([0], [[]], votes, *stored_contexts(tmp_path, [0]), FIRST)
    assert one.promoted == ["b", "a", "d", "e"]


def test_eight_tokens_are_shown_on_either_side(tmp_path: Path) -> None:
    contexts = stored_contexts(tmp_path, [0], length=21)
    [one] = latent_subjects([0], [[]], ballot([[1.0]]), *contexts, FIRST)
    side = " ".join(["first0"] * 8)
    assert one.contexts == [f"{side} [[first0]] {side}"]


def test_a_name_has_at_most_eighty_characters() -> None:
    assert name_in("x" * 81) == "x" * 80
