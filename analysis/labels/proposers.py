"""A language model proposes names; every answer is kept, so that a build goes on behind it.

What is proposed is called what it is (`model: NAME`) and scored as any other name. Answers are
greedy: the same model gives the same names again.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch

from analysis.harvest.models import LanguageModel, load_language_model
from analysis.labels.prompts import Subject, messages, name_in

MOST_ANSWER_TOKENS = 20

Message = dict[str, str]


class Proposer(Protocol):
    """A language model that answers."""

    @property
    def name(self) -> str:
        """What the bundle calls it."""

    def answer(self, conversation: Sequence[Message]) -> str:
        """The model's next turn; InputError where it cannot be had."""


@dataclass(frozen=True)
class LocalModel:
    """A transformers model in this process, loaded when it is first asked."""

    model: str

    @property
    def name(self) -> str:
        """The folder's or the hub's name."""
        return Path(self.model).name or self.model

    @cached_property
    def _language_model(self) -> LanguageModel:
        return load_language_model(self.model)

    def answer(self, conversation: Sequence[Message]) -> str:
        """The most likely continuation, token by token."""
        tokenizer, model = self._language_model.tokenizer, self._language_model.model
        encoded = tokenizer(_as_text(tokenizer, conversation), return_tensors="pt")
        given = encoded["input_ids"].to(model.device)
        with torch.inference_mode():
            written = model.generate(
                input_ids=given,
                attention_mask=torch.ones_like(given),
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                max_new_tokens=MOST_ANSWER_TOKENS,
                pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id,
            )
        return str(tokenizer.decode(written[0, given.shape[1] :], skip_special_tokens=True))


def proposed_names(
    proposer: Proposer,
    subjects: Sequence[Subject],
    kept: Path,
    report: Callable[[int, int], None] | None = None,
) -> list[str]:
    """A name for each subject, empty where the model gave none.

    Answers are kept in the file `kept`, one line each, and not asked for again.
    """
    known = _kept_answers(kept)
    names = []
    with kept.open("a", encoding="utf-8") as file:
        for done, subject in enumerate(subjects):
            conversation = messages(subject)
            key = _key(proposer.name, conversation)
            if key not in known:
                known[key] = proposer.answer(conversation)
                # The break goes first: a line that was cut off does not spoil the next one.
                file.write("\n" + json.dumps({"key": key, "answer": known[key]}))
                file.flush()
            names.append(name_in(known[key]))
            if report:
                report(done + 1, len(subjects))
    return names


def _as_text(tokenizer: Any, conversation: Sequence[Message]) -> str:
    """The conversation in the model's own form; a plain dialogue for a model without one."""
    if tokenizer.chat_template:
        return str(
            tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
        )
    turns = {"system": "", "user": "", "assistant": "Name: "}
    said = "\n\n".join(turns[turn["role"]] + turn["content"] for turn in conversation)
    return f"{said}\n\nName:"


def _kept_answers(file: Path) -> dict[str, str]:
    """Answers by key; a line that was cut off is passed over."""
    answers: dict[str, str] = {}
    if file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
                answers[entry["key"]] = entry["answer"]
            except (ValueError, KeyError):
                continue
    return answers


def _key(name: str, conversation: Sequence[Message]) -> str:
    return hashlib.sha256(json.dumps([name, list(conversation)]).encode()).hexdigest()
