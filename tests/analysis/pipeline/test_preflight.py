"""Preconditions that are violated on purpose: each is refused before the harvest, in one sentence.

All cases share one tiny model, SAE and corpus; a case changes one thing.
"""

import gzip
import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from analysis.build import build_bundle, plan_build
from analysis.bundle import Parameters
from analysis.harvest import odd_rows
from analysis.pipeline import preflight
from analysis.runtime.errors import InputError
from analysis.runtime.progress import SILENT
from analysis.saes.saelens import save_saelens
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from analysis.settings import BuildRequest, LabelSettings
from tests.analysis.harvest.tiny_model import D_MODEL, WORDS, tiny_language_model
from tests.planted import planted_activations

LATENTS = 32


def save_sae(
    folder: Path, width: int = D_MODEL, hook: str | None = "blocks.1.hook_resid_post"
) -> Path:
    torch.manual_seed(0)
    decoder = torch.nn.functional.normalize(torch.randn(LATENTS, width), dim=1)
    sae = SparseAutoencoder(
        format="test",
        architecture="topk",
        W_enc=decoder.T.contiguous(),
        W_dec=decoder,
        b_enc=torch.zeros(LATENTS),
        b_dec=torch.zeros(width),
        k=4,
        hook_point=hook,
    )
    save_saelens(sae, folder)
    return folder


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts")
    model = tiny_language_model()
    model.model.save_pretrained(folder / "model")
    model.tokenizer.save_pretrained(folder / "model")
    save_sae(folder / "sae")
    lines = [json.dumps({"text": " ".join(WORDS[i:] + WORDS[:i])}) for i in range(20)]
    (folder / "c.jsonl").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def good(parts: Path, tmp_path: Path) -> BuildRequest:
    return BuildRequest(
        sae=str(parts / "sae"),
        out=tmp_path / "bundle",
        model=str(parts / "model"),
        corpus=parts / "c.jsonl",
        parameters=Parameters(dtype="float32", block_tokens=32, null_draws=1, epochs=10),
    )


Change = Callable[[BuildRequest, Path], BuildRequest]


def corpus(content: bytes, name: str = "bad.jsonl", **choice: Any) -> Change:
    def change(request: BuildRequest, folder: Path) -> BuildRequest:
        (folder / name).write_bytes(content)
        return replace(request, corpus=folder / name, **choice)

    return change


def given(**fields: Any) -> Change:
    return lambda request, folder: replace(request, **fields)


def labels(**fields: Any) -> Change:
    return lambda request, folder: replace(request, labels=LabelSettings(**fields))


def explained(content: bytes, name: str = "labels.csv") -> Change:
    def change(request: BuildRequest, folder: Path) -> BuildRequest:
        (folder / name).write_bytes(content)
        return replace(request, labels=LabelSettings(explanations=folder / name))

    return change


def sae(**fields: Any) -> Change:
    return lambda request, folder: replace(request, sae=str(save_sae(folder / "sae", **fields)))


def broken_copy(part: str, *files: str, content: bytes | None = None) -> Change:
    """A copy of the model or the SAE without some files, or with other contents of them."""

    def change(request: BuildRequest, folder: Path) -> BuildRequest:
        shutil.copytree(getattr(request, part), folder / part)
        for file in files:
            if content is None:
                (folder / part / file).unlink()
            else:
                (folder / part / file).write_bytes(content)
        changed: dict[str, Any] = {part: str(folder / part)}
        return replace(request, **changed)

    return change


def output_exists(request: BuildRequest, folder: Path) -> BuildRequest:
    request.out.mkdir()
    return request


def output_below_a_file(request: BuildRequest, folder: Path) -> BuildRequest:
    (folder / "file").write_text("")
    return replace(request, out=folder / "file" / "bundle")


def tokens(ids: list[int]) -> Change:
    def change(request: BuildRequest, folder: Path) -> BuildRequest:
        pq.write_table(pa.table({"input_ids": [[2, 3, 4] * 9] * 40 + [ids]}), folder / "t.parquet")
        return replace(request, corpus=folder / "t.parquet")

    return change


def splits(*names: str, **choice: Any) -> Change:
    def change(request: BuildRequest, folder: Path) -> BuildRequest:
        for name in names:
            (folder / "data" / name).parent.mkdir(exist_ok=True)
            shutil.copy(str(request.corpus), folder / "data" / name)
        return replace(request, corpus=folder / "data", **choice)

    return change


def last_row_group_damaged(request: BuildRequest, folder: Path) -> BuildRequest:
    path = folder / "c.parquet"
    texts = [" ".join(WORDS) + f" {i}" for i in range(400)]
    pq.write_table(pa.table({"text": texts}), path, row_group_size=100, compression="snappy")
    chunk = pq.read_metadata(path).row_group(3).column(0)
    data = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data[start : start + 60] = b"\xff" * 60
    path.write_bytes(data)
    return replace(request, corpus=path)


def imported(columns: dict[str, Any] | bytes, **fields: Any) -> Change:
    def change(request: BuildRequest, folder: Path) -> BuildRequest:
        path = folder / "a.parquet"
        if isinstance(columns, bytes):
            path.write_bytes(columns)
        else:
            pq.write_table(pa.table(columns), path)
        return replace(request, model=None, corpus=None, activations=path, **fields)

    return change


LINE = json.dumps({"text": " ".join(WORDS)}).encode() + b"\n"
SERVER = "http://127.0.0.1:9"
CASES: dict[str, tuple[Change, str]] = {
    "no input": (given(model=None, corpus=None), "nothing is given"),
    "no corpus": (given(corpus=None), r"\(--model is given\)"),
    "no model": (given(model=None), r"\(--corpus is given\)"),
    "both inputs": (given(activations=Path("a.parquet")), "there is no such file|not both"),
    "tokens file": (given(tokens_file=Path("t.parquet")), "--tokens-file has a meaning"),
    "out exists": (output_exists, "already exists"),
    "out below a file": (output_below_a_file, "a parent of it is a file"),
    "no SAE": (given(sae="/nowhere/sae"), "/nowhere/sae"),
    "SAE without weights": (broken_copy("sae", "sae_weights.safetensors"), "sae"),
    "SAE damaged": (broken_copy("sae", "sae_weights.safetensors", content=b"no"), "sae"),
    "SAE configuration": (broken_copy("sae", "cfg.json", content=b"{"), "cfg.json"),
    "another width": (sae(width=8), "has 16 values per token at .* but the SAE reads 8"),
    "no hook": (sae(hook=None), "does not name its hook point"),
    "odd hook": (given(hook="layer twelve"), "layer twelve"),
    "no such layer": (given(hook="blocks.7.hook_resid_post"), "layers"),
    "no model there": (given(model="/nowhere/model"), "There is no model at /nowhere/model"),
    "model without weights": (broken_copy("model", "model.safetensors"), "language model"),
    "model without tokenizer": (
        broken_copy("model", "tokenizer.json", "tokenizer_config.json"), "language model",
    ),
    "model damaged": (broken_copy("model", "model.safetensors", content=b"no"), "language model"),
    "no corpus there": (given(corpus=Path("/nowhere/c.jsonl")), "There is no corpus at"),
    "unknown format": (corpus(b"PK", "c.docx"), "has an unknown format"),
    "no text": (corpus(b'{"text": null}\n{"text": " "}\n'), r"null or blank\), skipped: 2"),
    "last line damaged": (corpus(LINE * 30 + b'{"text": "x\n'), "Line 31 of .* is not JSON"),
    "packed file cut": (corpus(gzip.compress(LINE * 90)[:-9], "c.jsonl.gz"), "to its end"),
    "last row group damaged": (last_row_group_damaged, "cannot be read to its end"),
    "no text column": (corpus(b'{"body": "x"}\n'), "--text-column"),
    "other text column": (given(text_column="body"), "has no text|no `body` column"),
    "split of a file": (given(split="test"), "leave out --split"),
    "unknown split": (splits("train.jsonl", split="dev"), r"no split dev \(its splits: train\)"),
    "two splits": (
        splits("a-00000-of-00001.jsonl", "b-00000-of-00001.jsonl"), "holds the splits a, b",
    ),
    "other tokenizer": (tokens([2, 3, 999]), r"token id 999 \(row 41 of"),
    "negative ids": (tokens([-100]), r"token id -100 \(row 41 of"),
    "nothing kept": (corpus(b'{"text": "word1"}\n'), "No token is left after masking"),
    "no explanations": (labels(explanations=Path("/nowhere.csv")), "no such file or folder"),
    "ambiguous ids": (explained(b"index,feature,label\n0,7,x\n"), "`index` and `feature`"),
    "explanations damaged": (explained(b"latent,label\n1,x\nz,y\n"), "line 3 has the id 'z'"),
    "latent outside": (explained(b"latent,label\n32,x\n"), r"latent 32, .* \(line 2 of"),
    "explanations of another SAE": (
        explained(
            b'{"modelId": "m", "layer": "5-res", "index": 1, "description": "x"}', "e.jsonl"
        ),
        "explains m/5-res, but this SAE is one of layer 1",
    ),
    "two proposers": (labels(model="m", endpoint=SERVER, endpoint_model="m"), "not both"),
    "no endpoint model": (labels(endpoint=SERVER), "together"),
    "no proposer": (labels(latents=3), "--label-latents needs"),
    "odd endpoint": (labels(endpoint="h", endpoint_model="m"), "not the address of a server"),
    "unreachable endpoint": (labels(endpoint=SERVER, endpoint_model="m"), "gave no answer"),
    "no label model": (labels(model="/nowhere/m"), "There is no model at /nowhere/m"),
    "imports damaged": (imported(b"PAR1 no"), "is not a readable Parquet file"),
    "imports lack a column": (imported({"document": [1]}), "lacks the column"),
    "corpus options": (imported({"document": [1]}, split="test"), "need --corpus"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_violated_precondition_is_refused_before_the_harvest(
    case: str, good: BuildRequest, tmp_path: Path
) -> None:
    change, message = CASES[case]
    request = change(good, tmp_path)
    steps: list[str] = []
    with pytest.raises(InputError, match=message) as refused:
        build_bundle(request, lambda name, done, total: steps.append(name))
    assert "\n" not in str(refused.value)
    assert not [step for step in steps if step.startswith("harvest")]
    assert not list(tmp_path.glob(".*.building"))


def test_too_little_disk_or_memory_is_refused(
    good: BuildRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_build(good)
    monkeypatch.setattr(preflight, "free_disk", lambda out: plan.disk.needed)
    monkeypatch.setattr(preflight, "free_memory", lambda: plan.memory.needed)
    assert plan_build(good).tokens == plan.tokens
    monkeypatch.setattr(preflight, "free_memory", lambda: plan.memory.needed - 1)
    with pytest.raises(InputError, match=r"needs about .* of memory, but .* are free"):
        build_bundle(good)
    monkeypatch.setattr(preflight, "free_disk", lambda out: plan.disk.needed - 1)
    with pytest.raises(InputError, match=r"needs about .* of disk, but .* are free"):
        plan_build(good)


def test_the_plan_counts_what_the_build_reads(good: BuildRequest, tmp_path: Path) -> None:
    plan = plan_build(good)
    assert not list(tmp_path.iterdir())
    # 20 documents of 40 words, in blocks of 32 and 8, of which the first token is a sink.
    assert (plan.documents, plan.latents, plan.block_tokens) == (20, LATENTS, 32)
    assert plan.tokens == pytest.approx(20 * (40 - 2), rel=0.05)
    assert plan.l0 == pytest.approx(4)
    assert plan.blocks == pytest.approx(20 * 2, abs=1)
    limited = replace(good, parameters=good.parameters.model_copy(update={"max_tokens": 100}))
    assert plan_build(limited).tokens == 100


def test_odd_rows_are_told_with_the_plan(good: BuildRequest, tmp_path: Path) -> None:
    rows = [{"text": " ".join(WORDS)}, {"text": None}, {"text": "word1 \ud83d word2 word3"}]
    (tmp_path / "odd.jsonl").write_text("\n".join(map(json.dumps, rows)))
    plan = plan_build(replace(good, corpus=tmp_path / "odd.jsonl"))
    notes = " ".join(plan.notes)
    assert f"{odd_rows.NO_TEXT}: 1, the first is line 2 of" in notes
    assert f"{odd_rows.SURROGATES}: 1, the first is line 3 of" in notes
    bundle = build_bundle(replace(good, corpus=tmp_path / "odd.jsonl"))
    assert f"{odd_rows.NO_TEXT}: 1, the first is line 2" in bundle.manifest.mask.policy
    assert "without BOS" in notes or "with BOS" in notes


def test_imports_are_planned_from_their_files(good: BuildRequest, tmp_path: Path) -> None:
    made = planted_activations(tmp_path, documents=4, document_tokens=50)
    request = replace(good, model=None, corpus=None, activations=made.activations)
    plan = plan_build(request)
    assert plan.documents is None
    assert plan.tokens == pq.read_metadata(tmp_path / "tokens.parquet").num_rows
    rows = pq.read_metadata(made.activations).num_rows
    assert plan.l0 == pytest.approx(rows / plan.tokens)
    alone = tmp_path / "alone" / "activations.parquet"
    alone.parent.mkdir()
    alone.hardlink_to(made.activations)
    plan = plan_build(replace(request, activations=alone))
    stated = next(
        float(re.findall(r"[\d.]+", note)[0]) for note in plan.notes if "file of tokens" in note
    )
    assert plan.l0 == pytest.approx(stated, rel=0.01), "not one active latent for each row"
    assert plan.tokens == round(rows / stated)


def test_free_space_is_that_of_the_disk(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    out = tmp_path / "a" / "b" / "bundle"
    assert preflight.free_disk(out) == pytest.approx(free, rel=0.2)
    known = preflight.free_memory()
    if Path("/proc/meminfo").exists():
        assert known is not None
        assert 0 < known <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_free_space_counts_what_an_unfinished_build_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1_000))
    (tmp_path / ".bundle.building" / "shards").mkdir(parents=True)
    (tmp_path / ".bundle.building" / "shards" / "0").write_bytes(bytes(77))
    (tmp_path / "other").write_bytes(bytes(500))
    assert preflight.free_disk(tmp_path / "bundle") == 1_077


@pytest.mark.parametrize(
    ("text", "free"),
    [("MemTotal: 9 kB\nMemAvailable:    7 kB\n", 7_168), ("MemTotal: 9 kB\n", None), ("odd", None)],
)
def test_free_memory_is_stated_in_units_of_1024_bytes(
    text: str, free: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_text", lambda self, **_: text)
    assert preflight.free_memory() == free


def test_disk_and_memory_are_those_of_the_plan(good: BuildRequest) -> None:
    plan = plan_build(good)
    # 14 bytes of an activation, 32 of a token and 3,000 of a latent.
    disk = 14 * plan.tokens * plan.l0 + 32 * plan.tokens + 3_000 * LATENTS
    assert plan.disk.needed == round(disk)
    memory = 512_000_000 + 4 * LATENTS * D_MODEL + 16 * plan.tokens + 200 * LATENTS
    assert plan.memory.needed == memory
    limited = replace(good, parameters=good.parameters.model_copy(update={"max_tokens": 100}))
    # 100 kept tokens are an eighth of the corpus, which has 40 blocks.
    assert plan_build(limited).blocks == pytest.approx(40 * 100 / 760, abs=1)


@pytest.mark.parametrize(
    ("k", "advertised", "rows", "l0"),
    [(None, None, 0, 50.0), (None, 31.5, 0, 31.5), (7, 31.5, 0, 7.0), (7, 31.5, 40, 4.0)],
)
def test_imports_without_a_count_have_the_l0_of_the_sae_or_fifty(
    k: int | None, advertised: float | None, rows: int, l0: float, tmp_path: Path
) -> None:
    sae = SimpleNamespace(k=k, advertised_l0=advertised, d_sae=8, d_out=4, notes=())
    source: Any = SimpleNamespace(
        sae=sae, rows=lambda: (10 if rows else None, rows), parameters=Parameters()
    )
    plan = preflight._activations_plan(source, tmp_path / "bundle", 1_000)
    assert plan.l0 == l0
    assert plan.seconds["harvest"] == pytest.approx(rows / 1e6)


def read(lengths: list[int], *, remote: bool, wanted: int | None) -> tuple[Any, list[int]]:
    """What reading texts of these lengths shows, and the lengths of those that were tokenised."""
    sampled: list[int] = []

    def tokenizer(text: str, **_: Any) -> dict[str, list[int]]:
        sampled.append(len(text))
        return {"input_ids": [0] * (len(text) // 2)}

    source: Any = SimpleNamespace(
        parameters=Parameters(max_tokens=wanted, block_tokens=8),
        is_remote=remote,
        odd=odd_rows.OddRows(),
        documents=lambda odd: (SimpleNamespace(token_ids=None, text="x" * n) for n in lengths),
        language_model=SimpleNamespace(tokenizer=tokenizer),
    )
    return preflight.read_to_end(source, SILENT), sampled


def test_the_first_31_documents_and_every_power_of_two_are_sampled() -> None:
    facts, sampled = read([20] * 100, remote=False, wanted=30)
    assert len(sampled) == 31 + 2  # and the 32nd and the 64th
    assert (facts.documents, facts.characters, facts.tokens) == (100, 2_000, 1_000)
    assert facts.blocks == 100 * 2  # ten tokens, in blocks of eight
    facts, sampled = read([30_000], remote=False, wanted=None)
    assert sampled == [20_000] and facts.tokens == 15_000


def test_texts_and_token_ids_of_one_corpus_are_added() -> None:
    """A quarter of a token for each character."""
    facts = preflight.CorpusFacts(characters=600, ids=40, sampled_characters=200, sampled_tokens=50)
    assert facts.tokens == 40 + 150
    assert preflight.CorpusFacts(ids=40).tokens == 40


def test_of_a_dataset_on_the_hub_twice_the_wanted_tokens_are_read() -> None:
    facts, _ = read([20] * 100, remote=True, wanted=30)
    assert facts.tokens == 70  # the first number above 60
    assert read([20] * 100, remote=True, wanted=None)[0].tokens == 1_000
