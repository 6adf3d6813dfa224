"""Names that a language model proposes. Answers are stored, so a resumed build repeats none.

The source of a proposed name is `model: NAME`, and it is scored like any other name. Decoding is
greedy, so the same model gives the same names again.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch

from analysis.harvest.models import LanguageModel, load_language_model
from analysis.labels.prompts import MOST_ANSWER_TOKENS, Message, Subject, messages, name_in
from analysis.runtime.progress import SILENT, Progress


class Proposer(Protocol):
    """A language model that continues a conversation."""

    @property
    def name(self) -> str:
        """Its name in the bundle."""

    def answer(self, conversation: Sequence[Message]) -> str:
        """The model's next turn. Raises InputError if there is none."""


@dataclass(frozen=True)
class LocalModel:
    """A transformers model in this process, loaded on first use."""

    model: str

    @property
    def name(self) -> str:
        """The name of the folder, or the id on the hub."""
        return Path(self.model).name or self.model

    @cached_property
    def _language_model(self) -> LanguageModel:
        return load_language_model(self.model)

    def answer(self, conversation: Sequence[Message]) -> str:
        """The most likely continuation, token by token."""
        tokenizer, model = self._language_model.tokenizer, self._language_model.model
        encoded = tokenizer(_as_text(tokenizer, conversation), return_tensors="pt")
        prompt = encoded["input_ids"].to(model.device)
        with torch.inference_mode():
            output = model.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                max_new_tokens=MOST_ANSWER_TOKENS,
                pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id,
            )
        return str(tokenizer.decode(output[0, prompt.shape[1] :], skip_special_tokens=True))


def proposed_names(
    proposer: Proposer,
    subjects: Sequence[Subject],
    kept: Path,
    progress: Progress = SILENT,
) -> list[str]:
    """A name for each subject; empty if the model gave none.

    Answers are stored in the file `kept`, one line each, and are not requested again. `progress`
    counts subjects.
    """
    known = _kept_answers(kept)
    names = []
    with kept.open("a", encoding="utf-8") as file:
        for done, subject in enumerate(subjects):
            conversation = messages(subject)
            key = _key(proposer.name, conversation)
            if key not in known:
                known[key] = proposer.answer(conversation)
                # Start with a line break, so that a truncated line does not damage the next one.
                entry = {"key": key, "answer": known[key], "sha256": _sha256(key, known[key])}
                file.write("\n" + json.dumps(entry))
                file.flush()
            names.append(name_in(known[key]))
            progress(done + 1, len(subjects))
    return names


def _as_text(tokenizer: Any, conversation: Sequence[Message]) -> str:
    """The conversation in the model's chat template; a plain dialogue if it has none."""
    if tokenizer.chat_template:
        return str(
            tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
        )
    turns = {"system": "", "user": "", "assistant": "Name: "}
    dialogue = "\n\n".join(turns[turn["role"]] + turn["content"] for turn in conversation)
    return f"{dialogue}\n\nName:"


def _kept_answers(file: Path) -> dict[str, str]:
    """Answers by key; a line that is cut off or damaged is skipped."""
    answers: dict[str, str] = {}
    if file.exists():
        for line in file.read_bytes().splitlines():
            try:
                entry = json.loads(line)
                if _sha256(entry["key"], entry["answer"]) == entry["sha256"]:
                    answers[entry["key"]] = entry["answer"]
            except (ValueError, LookupError, TypeError, AttributeError):
                continue
    return answers


def _sha256(key: str, answer: str) -> str:
    return hashlib.sha256(f"{key}\0{answer}".encode()).hexdigest()


def _key(name: str, conversation: Sequence[Message]) -> str:
    return hashlib.sha256(json.dumps([name, list(conversation)]).encode()).hexdigest()
