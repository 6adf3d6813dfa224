"""Names from language models: a real server on the loopback, a real model, kept answers."""

from pathlib import Path

import pytest

from analysis.harvest.models import model_folder
from analysis.labels.endpoint import KEY, Endpoint
from analysis.labels.prompts import LONGEST_NAME, Subject, messages, name_in
from analysis.labels.proposers import LocalModel, proposed_names
from analysis.runtime.errors import InputError
from tests.analysis.labels.chat_server import ChatServer

SEA = Subject(["whale", "ship"], ["harbour"], ["the [[whale]] dived", "a [[ship]] at sea"])
LAW = Subject(["court", "judge"], [], ["the [[court]] ruled", "said the [[judge]]"])


def test_a_server_is_asked_in_openais_form(
    server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "secret")
    endpoint = Endpoint(f"{server.address}/v1", "some-model")
    names = proposed_names(endpoint, [SEA, LAW], tmp_path / "answers.jsonl")
    assert names == ["Words: whale things", "Words: court things"]
    path, key, asked = server.seen[0]
    assert (path, key) == ("/v1/chat/completions", "Bearer secret")
    assert (asked["model"], asked["temperature"]) == ("some-model", 0)
    assert asked["messages"] == messages(SEA)
    assert "the [[whale]] dived" in asked["messages"][-1]["content"]
    assert "secret" not in (tmp_path / "answers.jsonl").read_text()


@pytest.mark.parametrize("given", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_addresses_are_completed(given: str) -> None:
    assert Endpoint(f"http://host:1{given}", "m").url == "http://host:1/v1/chat/completions"


def test_answers_are_asked_for_once(server: ChatServer, tmp_path: Path) -> None:
    kept = tmp_path / "answers.jsonl"
    endpoint = Endpoint(server.address, "some-model")
    first = proposed_names(endpoint, [SEA], kept)
    kept.write_text(kept.read_text() + '\n{"key": "cut o')
    assert proposed_names(endpoint, [SEA, LAW], kept)[:1] == first
    assert len(server.seen) == 2
    assert len(proposed_names(endpoint, [SEA, LAW], kept)) == 2
    assert len(server.seen) == 2
    proposed_names(Endpoint(server.address, "another-model"), [SEA], kept)
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("status", "raw", "said"),
    [
        (401, None, "status 401"),
        (500, None, "status 500"),
        (302, None, "status 302"),
        (200, b"<html>", "no chat completion"),
        (200, b'{"choices": []}', "no chat completion"),
        (200, b'{"choices": [{"message": {"content": null}}]}', "no chat completion"),
        (200, b"\xff", "no chat completion"),
    ],
)
def test_a_server_that_fails_is_one_sentence(
    server: ChatServer, status: int, raw: bytes | None, said: str
) -> None:
    server.status, server.raw = status, raw
    with pytest.raises(InputError, match=said) as caught:
        Endpoint(server.address, "m").answer(messages(SEA))
    assert str(caught.value).startswith(server.address)
    assert len(server.seen) == 1


def test_nobody_there_and_no_address(server: ChatServer) -> None:
    with pytest.raises(InputError, match="gave no answer"):
        Endpoint("http://127.0.0.1:9", "m", seconds=2).answer(messages(SEA))
    for address in ("file:///etc/passwd", "localhost:8000", "ftp://host/v1", ""):
        with pytest.raises(InputError, match="no address of a server"):
            Endpoint(address, "m")


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


@pytest.mark.model
@pytest.mark.skipif(
    not (model_folder("smollm2-135m") / "config.json").exists(), reason="make model"
)
def test_the_demos_model_proposes_the_same_names_again(tmp_path: Path) -> None:
    model = LocalModel("smollm2-135m")
    once, twice = (proposed_names(model, [SEA, LAW], tmp_path / f"{i}.jsonl") for i in range(2))
    assert once == twice
    assert all(once)
