"""What a language model is shown, and the name that is read from its answer."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import scipy.sparse

from analysis.bundle import TABLES, Bundle, LatentTable, write_table
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
    subjects = latent_subjects(latents, tops, promoted, planted_bundle.contexts, documents)
    shown = [context for subject in subjects for context in subject.contexts]
    assert shown
    for context in shown:
        plain = context.replace("[[", "").replace("]]", "")
        assert any(plain in text for text in texts)


def stored_contexts(folder: Path, latents: Sequence[int], tokens: int = 1) -> LatentTable:
    """Two top contexts and a random one for each latent, in documents 0 (weaker), 1 and 1."""
    row = {"activation": 1.0, "position": 0, "activations": [1.0] * tokens, "peak": tokens // 2}
    rows = [
        row | {"latent": one, "kind": kind, "document": document, "tokens": [word] * tokens}
        for one in latents
        for kind, document, word in (
            ("top", 0, f" first{one}"), ("top", 1, f" second{one}"), ("random", 1, f" odd{one}")
        )
    ]  # fmt: skip
    columns = {name: [one[name] for one in rows] for name in TABLES["contexts"].names}
    write_table(folder, "contexts", pa.table(columns))
    return LatentTable(folder / "contexts.parquet")


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
        [np.arange(8)[::-1]], [terms], [["up"]], votes, stored_contexts(tmp_path, range(8)), [0, 1]
    )
    assert (subject.terms, subject.promoted) == (["a", "b"], ["up"])
    assert subject.contexts == [f"[[first{one}]]" for one in (0, 1, 2, 3, 4, 7)]


def test_contexts_of_other_documents_and_kinds_are_left_out(tmp_path: Path) -> None:
    contexts = stored_contexts(tmp_path, range(2))
    votes = ballot([[1.0], [1.0]])
    [subject] = cluster_subjects(
        [np.arange(2)], [[SharedTerm(0, 1.0, 2)]], [[]], votes, contexts, [1]
    )
    assert subject.contexts == ["[[second0]]", "[[second1]]"]
    [one] = latent_subjects([1], [["x"], ["y"]], votes, contexts, [0, 1])
    assert one.contexts == ["[[first1]]", "[[second1]]"]
    assert one.terms == ["y"]


def test_promoted_tokens_come_in_the_order_of_their_votes(tmp_path: Path) -> None:
    votes = ballot([[0.2, 0.5, 0.0, 0.2, 0.1]])
    [one] = latent_subjects([0], [[]], votes, stored_contexts(tmp_path, [0]), [0])
    assert one.promoted == ["b", "a", "d", "e"]


def test_eight_tokens_are_shown_on_either_side(tmp_path: Path) -> None:
    contexts = stored_contexts(tmp_path, [0], tokens=21)
    [one] = latent_subjects([0], [[]], ballot([[1.0]]), contexts, [0])
    side = " ".join(["first0"] * 8)
    assert one.contexts == [f"{side} [[first0]] {side}"]


def test_a_name_has_at_most_eighty_characters() -> None:
    assert name_in("x" * 81) == "x" * 80
