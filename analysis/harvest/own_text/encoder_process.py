"""The process that reads texts: started when the first text is read, one for each server process.

It loads model and SAE once and keeps them. A request that takes too long ends the process, and the
next one starts it again. It has no network: nothing is downloaded because a bundle names it.
"""

import json
import logging
import os
import subprocess
import sys
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as LateError
from pathlib import Path
from threading import Lock

from analysis.bundle import Bundle
from analysis.harvest.own_text.encoded_text import MOST_CHARACTERS, EncodedText
from analysis.harvest.own_text.local_files import models_of, saes_of
from analysis.runtime.errors import InputError

LOADING_SECONDS = 180.0
"""Of a request for which model and SAE are loaded."""
READING_SECONDS = 30.0
"""Of any other request."""
KEPT_TEXTS = 16
_CODE = "from analysis.harvest.own_text.text_encoder import serve; serve()"
_HOME = Path(__file__).resolve().parents[3]
"""The folder that holds the package `analysis`."""
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


class EncoderProcess:
    """A process that reads texts; safe for threads, one request at a time."""

    def __init__(
        self, code: str = _CODE, loading: float = LOADING_SECONDS, reading: float = READING_SECONDS
    ) -> None:
        self._code, self._loading, self._reading = code, loading, reading
        self._process: subprocess.Popen[str] | None = None
        self._loaded = ""
        self._turn = Lock()
        self._texts: OrderedDict[tuple[str, str], EncodedText] = OrderedDict()

    def encode(self, bundle: Bundle, text: str) -> EncodedText:
        """The active latents of each token of a text; the last KEPT_TEXTS texts are kept.

        Raises InputError if the text is too long, if model or SAE are not on this machine, or if it
        takes too long.
        """
        if len(text) > MOST_CHARACTERS:
            raise InputError(
                f"The text has {len(text):,} characters; give at most {MOST_CHARACTERS:,}."
            )
        key = (bundle.identity, text)
        if not self._turn.acquire(timeout=self._loading):
            raise InputError("Another text is still being read; try again in a minute.")
        try:
            if key not in self._texts:
                self._texts[key] = self._asked(bundle, text)
            self._texts.move_to_end(key)
            while len(self._texts) > KEPT_TEXTS:
                self._texts.popitem(last=False)
            return self._texts[key]
        finally:
            self._turn.release()

    def stop(self) -> None:
        """End the process; the next text starts it again."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process, self._loaded = None, ""

    def _asked(self, bundle: Bundle, text: str) -> EncodedText:
        models_of(bundle), saes_of(bundle)  # the usual reason comes without a process
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self._process = self._started()
        seconds = self._reading if self._loaded == bundle.identity else self._loading
        request = json.dumps({"bundle": str(bundle.path.absolute()), "text": text})
        answer = self._answer_to(self._process, request, seconds)
        if problem := answer.get("problem"):
            raise InputError(str(problem))
        if "encoded" not in answer:
            raise RuntimeError(f"The process that reads texts failed: {answer.get('failure')}")
        self._loaded = bundle.identity
        return EncodedText.model_validate(answer["encoded"])

    def _answer_to(
        self, process: "subprocess.Popen[str]", request: str, seconds: float
    ) -> dict[str, object]:
        pool = ThreadPoolExecutor(1, thread_name_prefix="own text")
        try:
            line = pool.submit(_exchanged, process, request).result(seconds)
        except LateError as error:
            self.stop()
            raise InputError(
                f"Reading the text took longer than {seconds:.0f} s and was stopped; give a "
                "shorter text, or try again when the machine is less busy."
            ) from error
        finally:
            pool.shutdown(wait=False)
        if not line:
            self.stop()
            raise InputError(
                "The process that reads texts has ended, perhaps because there was no memory for "
                "model and SAE; try again, or close other programs first."
            )
        answer: dict[str, object] = json.loads(line)
        return answer

    def _started(self) -> "subprocess.Popen[str]":
        logging.getLogger("clearwater").info("starting the process that reads texts")
        return subprocess.Popen(
            [sys.executable, "-c", self._code],
            cwd=_HOME,
            env=os.environ | _OFFLINE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )


def _exchanged(process: "subprocess.Popen[str]", request: str) -> str:
    """The answer to a request; empty if the process has ended."""
    if process.stdin is None or process.stdout is None:
        return ""
    try:
        process.stdin.write(f"{request}\n")
        process.stdin.flush()
        return process.stdout.readline()
    except (OSError, ValueError):  # the pipe is broken, or closed by `stop`
        return ""


_shared = EncoderProcess()


def encoded_text(bundle: Bundle, text: str) -> EncodedText:
    """The active latents of each token of a text, from the process that this server shares.

    Raises InputError as `EncoderProcess.encode`.
    """
    return _shared.encode(bundle, text)
