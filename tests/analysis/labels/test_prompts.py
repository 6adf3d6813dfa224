"""What a language model is shown, and the name that is read from its answer."""

import pytest

from analysis.bundle import Bundle
from analysis.labels.naming import promoted_ballot
from analysis.labels.prompts import (
    CONTEXTS,
    EXAMPLE,
    INSTRUCTION,
    LONGEST_NAME,
    Subject,
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
