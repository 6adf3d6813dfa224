"""A language model behind an address that speaks OpenAI's chat completions.

`POST /v1/chat/completions` with `model`, `messages`, `temperature` 0 and `max_tokens`; the answer
is `choices[0].message.content`. A key is taken from the environment variable that `KEY` names and
sent to this address alone: redirections are not followed.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from analysis.runtime.errors import InputError

KEY = "CLEARWATER_LABEL_KEY"
SECONDS = 120.0
MOST_ANSWER_TOKENS = 20
MOST_BYTES = 1 << 20
_PATH = "/chat/completions"


@dataclass(frozen=True)
class Endpoint:
    """A server, and the model that it is asked for."""

    address: str
    """Such as http://localhost:8000/v1."""
    model: str
    seconds: float = SECONDS
    """How long an answer is waited for."""

    def __post_init__(self) -> None:
        """InputError: the address is none of HTTP."""
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(
                f"{self.address} is no address of a server; write it like http://localhost:8000/v1."
            )

    @property
    def name(self) -> str:
        """The model's name; the address is nobody's business."""
        return self.model

    @property
    def url(self) -> str:
        """Where it is asked."""
        base = self.address.rstrip("/")
        if base.endswith(_PATH):
            return base
        return f"{base}{_PATH}" if base.endswith("/v1") else f"{base}/v1{_PATH}"

    def answer(self, conversation: Sequence[dict[str, str]]) -> str:
        """The model's next turn; InputError with what the server said where it gave none."""
        asked = {
            "model": self.model,
            "messages": list(conversation),
            "temperature": 0,
            "max_tokens": MOST_ANSWER_TOKENS,
        }
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(KEY):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self.url, json.dumps(asked).encode(), headers)
        try:
            with _OPENER.open(request, timeout=self.seconds) as response:
                raw = response.read(MOST_BYTES)
            return _content(json.loads(raw))
        except urllib.error.HTTPError as error:
            said = f"status {error.code} ({error.reason})"
        except (OSError, HTTPException) as error:  # refused, timed out, unknown, cut off
            said = f"no answer ({getattr(error, 'reason', None) or error})"
        except (ValueError, TypeError, LookupError, RecursionError):
            said = "something that is no chat completion"
        raise InputError(
            f"{self.url} gave {said}; check the address, the model {self.model} and the key in "
            f"{KEY}, and give the same command again."
        )


def _content(answer: Any) -> str:
    content = answer["choices"][0]["message"]["content"]
    if not isinstance(content, str):
        raise TypeError("the content is no text")
    return content


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirection is an error: the key is for one address."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


_OPENER = urllib.request.build_opener(_NoRedirect)
