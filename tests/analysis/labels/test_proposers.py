"""Names from language models: a server on the loopback, a real model, stored answers."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from analysis.harvest.models import model_folder
from analysis.labels.endpoint import Endpoint
from analysis.labels.prompts import Message
from analysis.labels.proposers import LocalModel, _as_text, proposed_names
from analysis.runtime.progress import Progress
from tests.analysis.labels.chat_server import ChatServer
from tests.analysis.labels.conftest import LAW_SUBJECT, SEA_SUBJECT


def test_answers_are_requested_once(server: ChatServer, tmp_path: Path) -> None:
    kept = tmp_path / "answers.jsonl"
    endpoint = Endpoint(server.address, "some-model")
    first = proposed_names(endpoint, [SEA_SUBJECT], kept)
    kept.write_text(kept.read_text() + '\n{"key": "cut o')
    assert proposed_names(endpoint, [SEA_SUBJECT, LAW_SUBJECT], kept)[:1] == first
    assert len(server.seen) == 2
    assert len(proposed_names(endpoint, [SEA_SUBJECT, LAW_SUBJECT], kept)) == 2
    assert len(server.seen) == 2
    proposed_names(Endpoint(server.address, "another-model"), [SEA_SUBJECT], kept)
    assert len(server.seen) == 3


@pytest.mark.model
@pytest.mark.skipif(
    not (model_folder("smollm2-135m") / "config.json").exists(), reason="make model"
)
def test_the_demos_model_proposes_the_same_names_again(tmp_path: Path) -> None:
    model = LocalModel("smollm2-135m")
    once, twice = (
        proposed_names(model, [SEA_SUBJECT, LAW_SUBJECT], tmp_path / f"{i}.jsonl") for i in range(2)
    )
    assert once == twice
    assert all(once)


def test_an_answer_that_was_changed_is_requested_again(server: ChatServer, tmp_path: Path) -> None:
    kept = tmp_path / "answers.jsonl"
    endpoint = Endpoint(server.address, "some-model")
    first = proposed_names(endpoint, [SEA_SUBJECT], kept)
    kept.write_text(kept.read_text().replace("whale", "shark"))
    assert proposed_names(endpoint, [SEA_SUBJECT], kept) == first
    assert len(server.seen) == 2


def test_progress_counts_the_named_subjects(server: ChatServer, tmp_path: Path) -> None:
    reported: list[tuple[str, int, int]] = []
    progress = Progress("names", lambda *step: reported.append(step))
    subjects = [SEA_SUBJECT, LAW_SUBJECT]
    proposed_names(Endpoint(server.address, "m"), subjects, tmp_path / "answers.jsonl", progress)
    assert reported == [("names", 1, 2), ("names", 2, 2)]


def test_a_model_without_a_chat_template_continues_a_dialogue() -> None:
    turns = ["system", "user", "assistant", "user"]
    conversation: list[Message] = [
        {"role": role, "content": f"{i}"} for i, role in enumerate(turns)
    ]
    plain = SimpleNamespace(chat_template=None)
    assert _as_text(plain, conversation) == "0\n\n1\n\nName: 2\n\n3\n\nName:"
    options: list[dict[str, object]] = []

    def apply_chat_template(_: object, **given: object) -> str:
        options.append(given)
        return "text"

    templated = SimpleNamespace(chat_template="x", apply_chat_template=apply_chat_template)
    assert _as_text(templated, conversation) == "text"
    assert options == [{"tokenize": False, "add_generation_prompt": True}]


def test_a_local_model_is_called_by_its_folder_or_its_id() -> None:
    names = [LocalModel(model).name for model in ("/models/tiny", "org/tiny", "tiny")]
    assert names == ["tiny"] * 3
