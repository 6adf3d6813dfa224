"""A language model on a server with OpenAI's chat completions.

`POST /v1/chat/completions` with `model`, `messages`, `temperature` 0 and `max_tokens`; the answer
is `choices[0].message.content`. The key is read from the environment variable that `KEY` names. It
is sent only to this address: redirections are not followed.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from analysis.labels.prompts import MOST_ANSWER_TOKENS, Message
from analysis.runtime.errors import InputError

KEY = "CLEARWATER_LABEL_KEY"
SECONDS = 120.0
REACHABLE_SECONDS = 8.0
"""How long to wait before a server counts as unreachable."""
MOST_BYTES = 1 << 20
"""Maximum bytes of an answer that are read."""
_PATH = "/chat/completions"


@dataclass(frozen=True)
class Endpoint:
    """A server, and the name of the model to use there."""

    address: str
    """For example http://localhost:8000/v1."""
    model: str
    seconds: float = SECONDS
    """How long to wait for an answer."""

    def __post_init__(self) -> None:
        """Raises InputError if the address is not an HTTP address."""
        try:
            url = httpx2.URL(self.address)
        except httpx2.InvalidURL:
            url = httpx2.URL("")
        if url.scheme not in ("http", "https") or not url.host:
            raise InputError(
                f"--label-endpoint {self.address}: not the address of a server; write it like "
                "http://localhost:8000/v1."
            )

    @property
    def name(self) -> str:
        """The model's name; a bundle does not store the address."""
        return self.model

    @property
    def url(self) -> str:
        """The full address of the chat completions."""
        base = self.address.rstrip("/")
        if base.endswith(_PATH):
            return base
        return f"{base}{_PATH}" if base.endswith("/v1") else f"{base}/v1{_PATH}"

    def check(self) -> None:
        """Raises InputError if the server cannot be reached, refuses the key or lacks the model.

        It is asked for its models (`GET /v1/models`); a server without this list passes.
        """
        url = f"{self.url.removesuffix(_PATH)}/models"
        known: list[Any] = []
        try:
            response = httpx2.get(url, headers=_headers(), timeout=REACHABLE_SECONDS)
            problem = f"status {response.status_code}" if response.status_code in (401, 403) else ""
            if response.is_success and len(response.content) <= MOST_BYTES:
                known = [one["id"] for one in json.loads(response.content)["data"]]
        except httpx2.HTTPError as error:
            problem = f"no answer ({error})"
        except (ValueError, TypeError, LookupError, RecursionError):
            problem = ""
        if known and self.model not in known:
            problem = f"no model {self.model} (its models: {', '.join(map(str, known[:4]))})"
        if problem:
            raise InputError(
                f"{self.url} gave {problem}; check the address, the model {self.model} and the key "
                f"in {KEY}."
            )

    def answer(self, conversation: Sequence[Message]) -> str:
        """The model's next turn. Raises InputError if the server gives none, with the reason."""
        body = {
            "model": self.model,
            "messages": list(conversation),
            "temperature": 0,
            "max_tokens": MOST_ANSWER_TOKENS,
        }
        try:
            with httpx2.stream(
                "POST",
                self.url,
                json=body,
                headers=_headers(),
                timeout=self.seconds,
                follow_redirects=False,
            ) as response:
                if response.is_success:
                    return _content(json.loads(_first_bytes(response)))
                problem = f"status {response.status_code} ({response.reason_phrase})"
        except httpx2.HTTPError as error:  # refused, timed out, unknown host, cut off
            problem = f"no answer ({error})"
        except (ValueError, TypeError, LookupError, RecursionError):
            problem = "an answer that is not a chat completion"
        raise InputError(
            f"{self.url} gave {problem}; check the address, the model {self.model} and the key in "
            f"{KEY}, then run the same command again."
        )


def _headers() -> dict[str, str]:
    key = os.environ.get(KEY)
    return {"Authorization": f"Bearer {key}"} if key else {}


def _first_bytes(response: httpx2.Response) -> bytes:
    """The first MOST_BYTES of an answer; a longer one is cut and then is not valid JSON."""
    parts = b""
    for part in response.iter_bytes():
        parts += part
        if len(parts) > MOST_BYTES:
            break
    return parts[:MOST_BYTES]


def _content(answer: Any) -> str:
    content = answer["choices"][0]["message"]["content"]
    if not isinstance(content, str):
        raise TypeError("the content is not text")
    return content
