"""The harvest against a plain loop, its mask, its resumption, and the same on several workers."""

import functools
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from distributed import LocalCluster

from analysis.cooccurrence.joint import joint_matrix
from analysis.harvest.corpus import Document
from analysis.harvest.forward import hooked_activations
from analysis.harvest.hooks import HookPoint, parse_hook_point
from analysis.harvest.mask import MaskPolicy
from analysis.harvest.model_run import HarvestSizes, Reading
from analysis.harvest.models import LanguageModel
from analysis.harvest.run import HarvestSummary, MakeShard, harvest
from analysis.harvest.shards import count_shards, read_shards, rounded, shard_file
from analysis.harvest.store import write_activation_tables
from analysis.harvest.token_blocks import TokenBlock, token_blocks
from analysis.runtime.errors import InputError
from analysis.runtime.workers import DaskWorkers
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from tests.analysis.harvest.tiny_model import D_MODEL, WORDS, tiny_language_model
from tests.threads import threads

F = 48
WIDE = 576
HOOK = parse_hook_point("blocks.0.hook_resid_post")
EMBEDDINGS = parse_hook_point("blocks.0.hook_resid_pre")
SIZES = HarvestSizes(shard_tokens=90, window_blocks=4, batch_tokens=64, encode_rows=32)


@pytest.fixture(scope="module")
def model() -> Iterator[LanguageModel]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # handing such small products to a second thread costs more
    yield tiny_language_model()
    torch.set_num_threads(threads)


def topk_sae(width: int = D_MODEL) -> SparseAutoencoder:
    rng = torch.Generator().manual_seed(1)
    decoder = torch.nn.functional.normalize(torch.randn(F, width, generator=rng), dim=1)
    return SparseAutoencoder(
        format="test",
        architecture="topk",
        W_enc=20 * decoder.T.contiguous(),
        W_dec=decoder / 20,
        b_enc=0.01 * torch.randn(F, generator=rng),
        b_dec=0.01 * torch.randn(width, generator=rng),
        k=5,
        applies_b_dec_to_input=True,
    )


SAE = topk_sae()


def corpus(documents: int = 12, seed: int = 3) -> list[Document]:
    """Documents of 5 to 120 words, with BOS in the middle of each third one."""
    rng = np.random.default_rng(seed)
    found = []
    for index in range(documents):
        words = [WORDS[i] for i in rng.integers(0, 40, int(rng.integers(5, 120)))]
        if index % 3 == 0:
            words[len(words) // 2] = "<s>"
        found.append(Document(index * 2, f"t{index}", "s", " ".join(words)))
    return found


def blocks(model: LanguageModel) -> Iterator[TokenBlock]:
    special = model.special_token_ids
    return token_blocks(corpus(), model.tokenizer, 24, special_token_ids=special)


def _blocks(
    read: Callable[[], Iterable[Document]], tokenizer: Any, **settings: Any
) -> Iterator[TokenBlock]:
    return token_blocks(read(), tokenizer, 24, **settings)


def reading(
    model: LanguageModel,
    read: Callable[[], Iterable[Document]] = corpus,
    sae: SparseAutoencoder = SAE,
    hook: HookPoint = HOOK,
    active_threshold: float = 0.0,
    counted: frozenset[int] = frozenset(),
    **settings: bool,
) -> Reading:
    """The harvest request; `counted` special tokens are not masked."""
    special = model.special_token_ids
    text = partial(_blocks, read, model.tokenizer, special_token_ids=special, **settings)
    policy = MaskPolicy(special_token_ids=tuple(sorted(special - counted)))
    return Reading(sae, model, hook, text, policy, active_threshold)


def run(read: Reading, folder: Path, **options: Any) -> HarvestSummary:
    folder.mkdir(exist_ok=True)
    return harvest(lambda: read, folder, sizes=SIZES, **options)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_it_is_the_plain_loop(model: LanguageModel, tmp_path: Path) -> None:
    summary = run(reading(model), tmp_path)
    shards = list(read_shards(tmp_path))
    document = np.concatenate([s.document for s in shards])
    position = np.concatenate([s.position for s in shards])
    active = np.concatenate([s.active for s in shards])
    latents = np.split(np.concatenate([s.latents for s in shards]), np.cumsum(active)[:-1])
    values = np.split(np.concatenate([s.activations for s in shards]), np.cumsum(active)[:-1])
    row = kept = 0
    xs, xhats = [], []
    for block in blocks(model):
        x = hooked_activations(model, HOOK, block.token_ids[None])[0]
        dense = SAE.encode(x).numpy()
        for j in range(len(block)):
            assert (document[row], position[row]) == (block.document, block.start + j)
            if j == 0 or block.token_ids[j] in model.special_token_ids:
                assert active[row] == 0
            else:
                assert np.array_equal(latents[row], np.flatnonzero(dense[j]))
                # 2^-11: the error of rounding; the rest is that of another batch shape.
                assert np.allclose(values[row], dense[j][latents[row]], rtol=2**-11 + 1e-5)
                xs.append(x[j].double().numpy())
                xhats.append(SAE.reconstruct(x[j : j + 1])[0].double().numpy())
                kept += 1
            row += 1
    assert row == len(document) and summary.tokens == kept
    assert summary.l0 == pytest.approx(active.sum() / kept)
    everything, rebuilt = np.array(xs), np.array(xhats)
    unexplained = ((everything - rebuilt) ** 2).sum()
    expected = 1 - unexplained / ((everything - everything.mean(axis=0)) ** 2).sum()
    assert summary.explained_variance == pytest.approx(expected, abs=1e-5)


def test_an_interrupted_harvest_ends_in_the_same_bytes(
    model: LanguageModel, tmp_path: Path
) -> None:
    whole = run(reading(model), tmp_path / "whole")
    resumed = tmp_path / "resumed"
    for windows in (3, 4):
        counts: list[int] = []

        def stop(kept: int, counts: list[int] = counts, windows: int = windows) -> None:
            counts.append(kept)
            if len(counts) == windows:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(reading(model), resumed, progress=stop)
        assert 0 < count_shards(resumed) < count_shards(tmp_path / "whole")
    assert run(reading(model), resumed) == whole and count_shards(resumed) > 2
    assert contents(resumed) == contents(tmp_path / "whole")


@pytest.mark.parametrize("bos", [False, True])
def test_shards_are_the_same_in_any_order(model: LanguageModel, tmp_path: Path, bos: bool) -> None:
    read = reading(model, prepend_bos=bos)
    run(read, tmp_path)
    whole = contents(tmp_path)
    assert len(whole) > 4
    for number in reversed(range(count_shards(tmp_path))):
        shard_file(tmp_path, number).unlink()
        MakeShard(lambda: read, tmp_path, SIZES)(number)
    assert contents(tmp_path) == whole


@pytest.fixture(scope="module")
def wide_reading() -> Reading:
    """A model in which torch would cut the sums of a product by the number of threads."""
    wide = tiny_language_model(width=WIDE, dtype=torch.bfloat16)
    return reading(wide, lambda: corpus(documents=20), sae=topk_sae(WIDE))


@pytest.mark.parametrize("setting", ["threads", "memory_bytes"])
def test_threads_and_memory_leave_no_trace(
    wide_reading: Reading, tmp_path: Path, setting: str
) -> None:
    shards = []
    for value in (1, 2, 4) if setting == "threads" else (1, 10**9):
        folder = tmp_path / str(value)
        folder.mkdir()
        sizes = HarvestSizes(shard_tokens=600, batch_tokens=512, encode_rows=128)
        if setting == "memory_bytes":
            sizes = replace(sizes, memory_bytes=value)
        with threads(value if setting == "threads" else 4):
            harvest(lambda: wide_reading, folder, sizes=sizes)
        shards.append(contents(folder))
    assert count_shards(folder) > 1
    assert all(other == shards[0] for other in shards)


@dataclass(frozen=True)
class OpenTiny:
    """Opens the tiny model's reading in any process, and notes each opening.

    If `loses_one`, the first worker that opens it is killed.
    """

    log: Path
    home: int
    loses_one: bool = False

    def __call__(self) -> Reading:
        with self.log.open("a") as log:
            log.write(f"{os.getpid()}\n")
        lost = self.log.with_suffix(".lost")
        if self.loses_one and os.getpid() != self.home and not lost.exists():
            lost.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return _tiny_reading(self)


@functools.cache
def _tiny_reading(tiny: OpenTiny) -> Reading:
    return reading(tiny_language_model())


@pytest.mark.parametrize("loses_one", [False, True])
def test_workers_make_the_same_bytes(
    cluster: LocalCluster, model: LanguageModel, tmp_path: Path, loses_one: bool
) -> None:
    single = run(reading(model), tmp_path / "single")
    shared = tmp_path / "shared"
    shared.mkdir()
    tiny = OpenTiny(tmp_path / "log", os.getpid(), loses_one)
    counts: list[int] = []
    workers = DaskWorkers(cluster.scheduler_address)
    summary = harvest(tiny, shared, workers=workers, progress=counts.append, sizes=SIZES)
    assert summary == single and counts[-1] == single.tokens and counts == sorted(counts)
    assert contents(shared) == contents(tmp_path / "single")
    openings = tiny.log.read_text().splitlines()
    assert openings.count(str(os.getpid())) == 1
    assert tiny.log.with_suffix(".lost").exists() == loses_one
    assert len(openings) == 1 + count_shards(shared) + loses_one


def test_a_finished_harvest_runs_nothing_again(model: LanguageModel, tmp_path: Path) -> None:
    first = run(reading(model), tmp_path)

    def nothing() -> Reading:
        raise AssertionError("it was opened")

    assert harvest(nothing, tmp_path, sizes=SIZES) == first


def test_progress_counts_kept_tokens(model: LanguageModel, tmp_path: Path) -> None:
    counts: list[int] = []
    summary = run(reading(model), tmp_path, progress=counts.append)
    assert counts == sorted(counts) and counts[-1] == summary.tokens and len(set(counts)) > 3


def test_threshold_is_applied_before_rounding(model: LanguageModel, tmp_path: Path) -> None:
    run(reading(model), tmp_path / "all")
    values = np.concatenate([s.activations for s in read_shards(tmp_path / "all")])
    limit = float(np.median(values))
    run(reading(model, active_threshold=limit), tmp_path / "some")
    found = np.concatenate([s.activations for s in read_shards(tmp_path / "some")])
    assert abs(len(found) - len(values) / 2) < 0.02 * len(values)
    assert found.min() >= rounded(np.array([limit], dtype=np.float32))[0]


def test_bos_inside_documents_makes_no_pairs(model: LanguageModel, tmp_path: Path) -> None:
    """Ten latents that share only BOS: they co-occur only if it is not masked."""
    bos = model.model.get_input_embeddings().weight[0]
    direction = bos / bos.norm()
    detector = SparseAutoencoder(
        format="test",
        architecture="standard",
        W_enc=direction[:, None].repeat(1, 10),
        W_dec=direction[None].repeat(10, 1),
        b_enc=torch.full((10,), -0.99 * float(bos.norm())),
        b_dec=torch.zeros(D_MODEL),
    )
    found = {}
    for name, counted in (("masked", frozenset()), ("counted", model.special_token_ids)):
        folder = tmp_path / name
        folder.mkdir()
        read = reading(model, sae=detector, hook=EMBEDDINGS, counted=counted)
        summary = run(read, folder / "shards")
        activations = write_activation_tables(folder / "shards", folder, 10)
        found[name] = joint_matrix(activations, range(10)), summary.mask
    inside = sum(int((block.token_ids[1:] == 0).sum()) for block in blocks(model))
    assert found["masked"][0].sum() == 0 and found["masked"][1].special == 4
    assert inside > 1 and (found["counted"][0] == inside).all()
    assert found["counted"][1].kept == found["masked"][1].kept + inside


def test_positions_with_a_large_norm_are_sinks(model: LanguageModel, tmp_path: Path) -> None:
    large = tiny_language_model()
    large.model.get_input_embeddings().weight[7] *= 1000
    summary = run(reading(large, hook=EMBEDDINGS), tmp_path)
    at_start = summary.mask.sink_position
    sevens = sum(int((b.token_ids[1:] == 7).sum()) for b in blocks(large))
    assert summary.mask.sink_norm == sevens > 0 and at_start > 0
    total = sum(len(b) for b in blocks(large))
    assert summary.tokens == total - sevens - at_start - summary.mask.special


def test_prepended_bos_is_no_row_of_the_token_table(model: LanguageModel, tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    run(reading(model, prepend_bos=True), folder)
    write_activation_tables(folder, tmp_path, F)
    tokens = pq.read_table(tmp_path / "tokens.parquet")
    texts = {document.index: document.text.split() for document in corpus()}
    found = zip(*(tokens[c].to_pylist() for c in ("document", "position", "token")), strict=True)
    expected = [(d, p, word) for d, words in texts.items() for p, word in enumerate(words)]
    assert list(found) == expected


def test_tables_of_a_harvest(model: LanguageModel, tmp_path: Path) -> None:
    run(reading(model), tmp_path / "shards")
    activations = write_activation_tables(tmp_path / "shards", tmp_path, F, documents=corpus())
    documents = pq.read_table(tmp_path / "documents.parquet").to_pylist()
    assert [d["title"] for d in documents] == [d.title for d in corpus()]
    tokens = pq.read_table(tmp_path / "tokens.parquet")
    kept = tokens["kept"].to_numpy(zero_copy_only=False)
    assert (
        sum(d["tokens"] for d in documents)
        == kept.sum()
        == ((tokens["active_latents"].to_numpy() > 0).sum())
    )
    assert activations.token_ends[-1] == activations.latent_ends[-1] == 5 * kept.sum()


def test_a_model_of_another_width_is_refused(model: LanguageModel, tmp_path: Path) -> None:
    wide = replace(SAE, W_enc=torch.zeros(32, F), W_dec=torch.zeros(F, 32), b_dec=torch.zeros(32))
    with pytest.raises(InputError, match="reads 32 values per token, but tiny has 16"):
        run(reading(model, sae=wide), tmp_path)
    assert count_shards(tmp_path) == 0


def test_an_empty_corpus_is_refused(model: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No token is left"):
        run(reading(model, lambda: ()), tmp_path)
