"""The process that reads texts: real, and with programs that fail in its place."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from analysis.bundle import Bundle
from analysis.harvest.own_text import encoder_process
from analysis.harvest.own_text.encoder_process import EncoderProcess
from analysis.harvest.own_text.local_files import MODELS
from analysis.runtime.errors import InputError
from tests.analysis.harvest.own_text.test_text_encoder import activity, stored_activity
from tests.analysis.harvest.own_text.typed_world import BLOCK, documents, write_world

ANSWER = (
    '{"encoded": {"tokens": ["a"], "kept": [true], "active": [0], "latents": [], '
    '"activations": [], "all_tokens": 1}}'
)
ECHO = f"import sys\nfor line in sys.stdin: print('''{ANSWER}''', flush=True)"


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_world(tmp_path_factory.mktemp("typed"), bos=False)


def test_a_text_is_read_by_the_process(typed: Bundle) -> None:
    process = EncoderProcess()
    try:
        encoded = process.encode(typed, documents()[4])
        assert activity(encoded) == stored_activity(typed, 4, BLOCK)
        with pytest.raises(InputError, match="No token of this text"):
            process.encode(typed, "word1")
        assert process.encode(typed, documents()[4]) is encoded, "the same text is not read again"
        assert len(process.encode(typed, documents()[5]).tokens) == BLOCK
    finally:
        process.stop()


def test_the_server_imports_no_torch() -> None:
    code = (
        "import sys, analysis.harvest.own_text.encoder_process, charts.own_text; "
        "print(sorted({'torch', 'transformers'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_text_that_takes_too_long_ends_the_process(typed: Bundle) -> None:
    process = EncoderProcess("import time; time.sleep(60)", loading=0.3)
    begun = time.monotonic()
    with pytest.raises(InputError, match="longer than 0 s and was stopped; give a shorter text"):
        process.encode(typed, "word1 word2")
    assert time.monotonic() - begun < 30
    assert process._process is None


def test_the_limit_is_shorter_once_model_and_sae_are_loaded(typed: Bundle) -> None:
    """The first answer takes a second, as if model and SAE were loaded, and so does each other."""
    process = EncoderProcess(ECHO.replace("print(", "__import__('time').sleep(1); print("), 20, 0.2)
    assert process.encode(typed, "one").tokens == ("a",)
    with pytest.raises(InputError, match="was stopped"):
        process.encode(typed, "two")
    assert process._process is None


def test_a_process_that_ends_is_explained_and_started_again(typed: Bundle, tmp_path: Path) -> None:
    mark = tmp_path / "started"
    code = (
        f"import pathlib, sys\nmark = pathlib.Path({str(mark)!r})\n"
        f"if not mark.exists(): mark.touch(); sys.exit(1)\n{ECHO}"
    )
    process = EncoderProcess(code)
    try:
        with pytest.raises(InputError, match="The process that reads texts has ended"):
            process.encode(typed, "one")
        assert process.encode(typed, "one").tokens == ("a",)
    finally:
        process.stop()


def test_only_the_last_texts_are_kept(typed: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_process, "KEPT_TEXTS", 2)
    process = EncoderProcess(ECHO)
    try:
        first = process.encode(typed, "one")
        process.encode(typed, "two")
        assert process.encode(typed, "one") is first
        process.encode(typed, "three")
        assert process.encode(typed, "one") is first, "the one used last is kept"
        assert [text for _, text in process._texts] == ["three", "one"]
    finally:
        process.stop()


def test_a_failure_is_a_bug_and_a_long_text_is_refused(typed: Bundle) -> None:
    failing = 'import sys\nfor line in sys.stdin: print(\'{"failure": "x"}\', flush=True)'
    process = EncoderProcess(failing)
    with pytest.raises(RuntimeError, match="The process that reads texts failed: x"):
        process.encode(typed, "one")
    process.stop()
    with pytest.raises(InputError, match="has 4,001 characters; give at most 4,000"):
        process.encode(typed, "a" * 4001)
    assert process._process is None


def test_without_the_files_no_process_is_started(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(MODELS, raising=False)
    process = EncoderProcess("raise SystemExit")
    with pytest.raises(InputError, match="imported activations"):
        process.encode(planted_bundle, "one")
    assert process._process is None
