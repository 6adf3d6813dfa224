"""Builds of a tiny world in processes of their own, which can be killed, and what they leave.

A process is forked from a server in which everything is imported and compiled (`warm.py`), so a
build takes about a second of CPU time.
"""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from analysis.bundle import MANIFEST, TABLES
from tests.faults.trial import FaultError
from tests.planted import planted_activations, planted_sae

SECONDS = 120.0
"""No build of the tiny world takes longer."""
TEXT_TOKENS = 75_000
TEXT_SCALE = 8
"""The activations of the tiny model are small."""
NOT_COMPARED = ("timings",)
"""Manifest fields that differ between two builds of the same input."""


@dataclass(frozen=True)
class World:
    """A folder with an SAE, its activations, a language model, a corpus and undisturbed bundles."""

    folder: Path

    @property
    def whole(self) -> Path:
        """The undisturbed bundle of the activations and seed 0."""
        return self.folder / "whole"

    @property
    def other(self) -> Path:
        """The undisturbed bundle of the activations and seed 7."""
        return self.folder / "other"

    @property
    def text(self) -> Path:
        """The undisturbed bundle of model and corpus, in two shards."""
        return self.folder / "text"

    @property
    def seconds(self) -> float:
        """Wall-clock time of the undisturbed build of activations."""
        return float((self.folder / "seconds").read_text())

    def arguments(self, out: Path, seed: int = 0) -> list[str]:
        """The command line of a build of the activations."""
        return [
            *("build", "--sae", str(self.folder / "sae"), "--out", str(out)),
            *("--activations", str(self.folder / "activations.parquet"), "--seed", str(seed)),
            *("--null-draws", "1"),
        ]

    def text_arguments(self, out: Path) -> list[str]:
        """The command line of a build of model and corpus."""
        return [
            *("build", "--sae", str(self.folder / "text-sae"), "--out", str(out)),
            *("--model", str(self.folder / "model"), "--corpus", str(self.folder / "corpus.jsonl")),
            *("--input-scale", str(TEXT_SCALE), "--null-draws", "1"),
        ]

    def refresh(self, out: Path) -> list[str]:
        """The command line that refreshes the bundle `whole`, which gives the same bytes."""
        sae = str(self.folder / "sae")
        return ["refresh", str(self.whole), "--sae", sae, "--out", str(out)]


def prepare_world(folder: Path) -> None:
    """Write the world, and build its bundles without disturbance."""
    world = World(folder)
    planted_activations(folder, documents=12, document_tokens=100)
    planted_sae(folder / "sae")
    write_text_input(folder)
    for out, arguments in (
        (world.text, world.text_arguments(world.text)),
        (world.other, world.arguments(world.other, seed=7)),
        (world.whole, world.arguments(world.whole)),
    ):
        began = time.perf_counter()
        done = command(arguments, folder / f"{out.name}.log")
        if done.code != 0:
            raise RuntimeError(f"The undisturbed build failed: {done.output}")
        (folder / "seconds").write_text(str(time.perf_counter() - began))


def write_text_input(folder: Path) -> None:
    """Write a tiny model, an SAE of its width and a corpus of a little more than one shard."""
    from tests.analysis.harvest.tiny_model import (  # noqa: PLC0415 - loads transformers
        D_MODEL,
        WORDS,
        tiny_language_model,
    )

    tiny = tiny_language_model()
    tiny.model.save_pretrained(folder / "model")
    tiny.tokenizer.save_pretrained(folder / "model")
    rng = np.random.default_rng(0)
    documents = rng.choice(WORDS, (TEXT_TOKENS // 500, 500))
    lines = (json.dumps({"text": " ".join(words)}) for words in documents)
    (folder / "corpus.jsonl").write_text("\n".join(lines), encoding="utf-8")
    planted_sae(folder / "text-sae", width=D_MODEL)


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    """Its exit code; minus the number of the signal that killed it."""
    output: str
    """What it printed on both streams."""

    def check_message(self, *allowed: int) -> None:
        """Raise FaultError if there is a traceback, or another exit code than those allowed."""
        if "Traceback" in self.output:
            raise FaultError(f"A traceback: {self.output[-3000:]}")
        if self.code not in allowed:
            raise FaultError(f"Exit code {self.code}: {self.output[-1500:]}")

    @property
    def sentence(self) -> str:
        """The last line."""
        lines = self.output.strip().splitlines()
        return lines[-1] if lines else ""


@dataclass(frozen=True)
class Started:
    """A command that runs in its own process."""

    process: BaseProcess
    log: Path

    def wait(self, seconds: float = SECONDS) -> Done:
        """Wait until it has ended. Raises FaultError if it hangs."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
            raise FaultError(f"It hangs: {self.log.read_text('utf-8')[-1500:]}")
        return Done(self.process.exitcode, self.log.read_text("utf-8", errors="replace"))

    def kill(self) -> None:
        """SIGKILL, if it still runs."""
        self.process.kill()
        self.process.join()


def start(arguments: Sequence[str], log: Path, before: Callable[[], None] | None = None) -> Started:
    """Run the command line in a process of its own; `before`, picklable, is called in it first."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.warm"])
    log.touch()
    process = context.Process(target=_run, args=(list(arguments), log, before))
    process.start()
    return Started(process, log)


def command(arguments: Sequence[str], log: Path, before: Callable[[], None] | None = None) -> Done:
    """Run the command line to its end."""
    return start(arguments, log, before).wait()


def _run(arguments: list[str], log: Path, before: Callable[[], None] | None) -> None:
    """In the process: the command line, with both streams in a file."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a fork server ignores it
    stream = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    sys.argv = ["clearwater", *arguments]
    from analysis.__main__ import main  # noqa: PLC0415 - its streams are those of the file

    _renew_thread_pool()
    if before is not None:
        before()
    main()


def _renew_thread_pool() -> None:
    """Let torch replace the thread pool that a fork has broken, while there is one thread.

    Two threads that use torch first, such as those that load a model, would both try.
    """
    import torch  # noqa: PLC0415 - not all commands need it, but the fork server has loaded it

    torch.set_num_threads(torch.get_num_threads())


def check_equal(bundle: Path, whole: Path) -> None:
    """Raise FaultError if a bundle has not the bytes of an undisturbed one."""
    names = {file.name for file in bundle.iterdir()}
    if names != {MANIFEST, *(f"{table}.parquet" for table in TABLES)}:
        raise FaultError(f"The bundle has the files {sorted(names)}.")
    different = [
        table
        for table in TABLES
        if (bundle / f"{table}.parquet").read_bytes() != (whole / f"{table}.parquet").read_bytes()
    ]
    if _manifest(bundle) != _manifest(whole):
        different.append(MANIFEST)
    if different:
        raise FaultError(f"A wrong bundle was published: {', '.join(different)} differ.")


def _manifest(bundle: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((bundle / MANIFEST).read_text("utf-8"))
    return {name: value for name, value in content.items() if name not in NOT_COMPARED}


def check_nothing_left(folder: Path, *expected: str) -> None:
    """Raise FaultError if a folder has other entries than those expected."""
    names = sorted(path.name for path in folder.iterdir())
    if names != sorted(expected):
        raise FaultError(f"The folder has {names} in place of {sorted(expected)}.")
