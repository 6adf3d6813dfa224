"""Requests to a server on the loopback, and every way in which it can fail."""

import json
from pathlib import Path

import pytest

from analysis.labels import endpoint as module
from analysis.labels.endpoint import KEY, Endpoint
from analysis.labels.prompts import messages
from analysis.labels.proposers import proposed_names
from analysis.runtime.errors import InputError
from tests.analysis.labels.chat_server import ChatServer
from tests.analysis.labels.conftest import LAW_SUBJECT, SEA_SUBJECT


def test_requests_have_openais_form(
    server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "secret")
    endpoint = Endpoint(f"{server.address}/v1", "some-model")
    names = proposed_names(endpoint, [SEA_SUBJECT, LAW_SUBJECT], tmp_path / "answers.jsonl")
    assert names == ["Words: whale things", "Words: court things"]
    path, key, request = server.seen[0]
    assert (path, key) == ("/v1/chat/completions", "Bearer secret")
    assert (request["model"], request["temperature"]) == ("some-model", 0)
    assert request["messages"] == messages(SEA_SUBJECT)
    assert "the [[whale]] dived" in request["messages"][-1]["content"]
    assert "secret" not in (tmp_path / "answers.jsonl").read_text()


@pytest.mark.parametrize("given", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
def test_addresses_are_completed(given: str) -> None:
    assert Endpoint(f"http://host:1{given}", "m").url == "http://host:1/v1/chat/completions"


@pytest.mark.parametrize(
    ("status", "raw", "problem"),
    [
        (401, None, "status 401"),
        (500, None, "status 500"),
        (302, None, "status 302"),
        (200, b"<html>", "not a chat completion"),
        (200, b'{"choices": []}', "not a chat completion"),
        (200, b'{"choices": [{"message": {"content": null}}]}', "not a chat completion"),
        (200, b"\xff", "not a chat completion"),
    ],
)
def test_a_failing_server_is_one_sentence(
    server: ChatServer, status: int, raw: bytes | None, problem: str
) -> None:
    server.status, server.raw = status, raw
    with pytest.raises(InputError, match=problem) as caught:
        Endpoint(server.address, "m").answer(messages(SEA_SUBJECT))
    assert str(caught.value).startswith(server.address)
    assert len(server.seen) == 1


def test_without_a_server_or_an_address(server: ChatServer) -> None:
    with pytest.raises(InputError, match="gave no answer"):
        Endpoint("http://127.0.0.1:9", "m", seconds=2).answer(messages(SEA_SUBJECT))
    for address in ("file:///etc/passwd", "localhost:8000", "ftp://host/v1", ""):
        with pytest.raises(InputError, match="not the address of a server"):
            Endpoint(address, "m")


def test_without_a_key_no_header_is_sent(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY, raising=False)
    Endpoint(server.address, "m").answer(messages(SEA_SUBJECT))
    assert server.seen[0][1] is None


@pytest.mark.parametrize(("most", "is_read"), [(100, False), (1 << 20, True)])
def test_a_bounded_number_of_bytes_is_read(
    most: int, is_read: bool, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", most)
    server.raw = b'{"choices": [{"message": {"content": "' + b"x" * 5_000 + b'"}}]}'
    if is_read:
        assert len(Endpoint(server.address, "m").answer(messages(SEA_SUBJECT))) == 5_000
    else:
        with pytest.raises(InputError, match="not a chat completion"):
            Endpoint(server.address, "m").answer(messages(SEA_SUBJECT))


def test_an_answer_has_at_most_twenty_tokens(server: ChatServer) -> None:
    endpoint = Endpoint(server.address, "m")
    endpoint.answer(messages(SEA_SUBJECT))
    assert server.seen[0][2]["max_tokens"] == 20
    assert endpoint.seconds == 120


@pytest.mark.parametrize(
    ("status", "is_refused"), [(200, False), (401, True), (403, True), (404, False), (500, False)]
)
def test_a_refused_key_is_seen_before_the_build(
    server: ChatServer, status: int, is_refused: bool
) -> None:
    """A server without a list of models may know the model all the same."""
    server.status = status
    endpoint = Endpoint(server.address, "m")
    if is_refused:
        with pytest.raises(InputError, match=f"status {status}"):
            endpoint.check()
    else:
        endpoint.check()


def models(*names: str) -> bytes:
    return json.dumps({"data": [{"id": name} for name in names]}).encode()


@pytest.mark.parametrize("listed", [models("m"), models("a", "m"), models()])
def test_a_model_of_the_server_passes_and_is_asked_for_with_the_key(
    server: ChatServer, listed: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY, "secret")
    server.models = listed
    Endpoint(server.address, "m").check()
    assert server.keys == ["Bearer secret"]


def test_a_model_that_the_server_lacks_is_seen_before_the_build(server: ChatServer) -> None:
    server.models = models("a", "b", "c", "d", "e")
    with pytest.raises(InputError, match=r"no model m \(its models: a, b, c, d\)") as caught:
        Endpoint(server.address, "m").check()
    assert str(caught.value).startswith(server.address) and KEY in str(caught.value)


@pytest.mark.parametrize(
    "listed",
    [b"<html>", b"\xff", b"[]", b"{}", b"null", b'{"data": 1}', b'{"data": [{}]}', b"[" * 100_000],
)
def test_a_list_that_cannot_be_read_counts_as_none(server: ChatServer, listed: bytes) -> None:
    server.models = listed
    Endpoint(server.address, "m").check()


def test_a_list_of_models_is_read_up_to_a_size(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.models = models("a")
    monkeypatch.setattr(module, "MOST_BYTES", len(server.models) - 1)
    Endpoint(server.address, "m").check()
    monkeypatch.setattr(module, "MOST_BYTES", len(server.models))
    with pytest.raises(InputError, match="no model m"):
        Endpoint(server.address, "m").check()


def test_a_server_that_is_not_there_is_seen_before_the_build() -> None:
    with pytest.raises(InputError, match="gave no answer"):
        Endpoint("http://127.0.0.1:9", "m").check()
