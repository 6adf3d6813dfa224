"""The command line on real folders: its output, errors and files."""

import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from analysis import console
from analysis.__main__ import app
from analysis.bundle import Bundle, open_bundle
from analysis.harvest.models import LanguageModel
from analysis.saes import load_sae
from charts.core.export import export
from charts.health import flag_counts
from tests.analysis.harvest.tiny_model import WORDS, tiny_language_model

SAELENS = Path(__file__).parents[1] / "oracles" / "saelens"


def run(*arguments: object, code: int = 0) -> str:
    """Both streams of one command, which ends with the exit code, without line breaks."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream in (console.out, console.err):
        monkeypatch.setattr(stream, "width", 200)
        monkeypatch.setattr(stream, "_file", None)


def test_inspect_describes_an_sae_in_words() -> None:
    text = run("inspect", SAELENS / "topk_layer_norm")
    assert "SAELens (saelens)" in text and "topk SAE: the 8 largest pre-activations" in text
    assert "32 inputs, 64 latents, 32 outputs (d_in, d_sae, d_out)" in text
    # The model in the file is gpt2-small, so the module is named as in GPT-2.
    assert "blocks.3.hook_resid_post (TransformerLens) = transformer.h.3:output" in text
    assert "subtracted from the input and added to the output" in text
    norms = load_file(SAELENS / "topk_layer_norm" / "sae_weights.safetensors")["W_dec"].norm(dim=1)
    assert f"median {norms.sort().values[32]:.3g}" in text
    assert "{" not in text and "_hook_point" not in text


def test_inspect_takes_the_options_that_change_the_reading() -> None:
    folder = SAELENS / "topk_none"
    text = run(
        "inspect", folder, "--centre-input", "--no-subtract-b-dec", "--input-scale", "0.5",
        "--normalise", "layer_norm", "--format", "saelens",
    )  # fmt: skip
    for words in (
        "Centring of the input was switched on, as requested",
        "scale 0.5",
        "set to layer_norm",
    ):
        assert words in text
    assert "only added to the output" in text
    assert "normalisation 'zscore' is unknown" in run(
        "inspect", folder, "--normalise", "zscore", code=1
    )
    assert "format 'x' is unknown" in run("inspect", folder, "--format", "x", code=1)
    assert "must be a positive" in run("inspect", folder, "--input-scale", "-1", code=1)


def test_the_self_check_needs_a_model_and_a_corpus() -> None:
    text = run("inspect", SAELENS / "topk_none", "--model", "smollm2-135m", code=1)
    assert "give --model and --corpus" in text


def test_inspect_checks_itself_on_real_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A random SAE does not fit; the table of what was tried and one sentence say so."""
    tiny = tiny_language_model()

    def tiny_model(name: str, dtype: torch.dtype, device: str) -> LanguageModel:
        assert (name, dtype, device) == ("tiny", torch.float32, "auto")
        return tiny

    monkeypatch.setattr("analysis.harvest.models.load_language_model", tiny_model)
    corpus = tmp_path / "words.txt"
    corpus.write_text(" ".join(WORDS * 4))
    made = load_sae(SAELENS / "topk_none")
    narrow = {"W_enc": made.W_enc[:16], "W_dec": made.W_dec[:, :16], "b_enc": made.b_enc}
    narrow["b_dec"] = made.b_dec[:16]
    folder = tmp_path / "sae"
    folder.mkdir()
    save_file({name: tensor.contiguous() for name, tensor in narrow.items()},
              folder / "sae_weights.safetensors")  # fmt: skip
    config = '{"architecture": "topk", "k": 8, "d_in": 16, "d_sae": 64, "metadata": {}}'
    (folder / "cfg.json").write_text(config)
    check = ("inspect", folder, "--model", "tiny", "--corpus", corpus, "--tokens", 60)
    assert "give" in run(*check, code=1)
    text = run(*check, "--hook", "blocks.1.hook_resid_pre")
    assert "blocks.1.hook_resid_pre (TransformerLens) = model.layers.1:input" in text
    assert "It does not fit: only" in text and "advertised: 8" in text
    assert "60 tokens" in text and "--centre-input" in text and "--hook" in text


def test_convert_writes_a_folder_that_opens_as_the_same_sae(tmp_path: Path) -> None:
    torch.save(
        {
            f"{name}.{kind}": torch.randn((24, 12) if kind == "weight" else (24,))
            for name in ("encoder_linear",)
            for kind in ("weight", "bias")
        }
        | {"decoder_linear.weight": torch.randn(12, 24), "decoder_linear.bias": torch.randn(12)},
        tmp_path / "goodfire-l19.pt",
    )
    out = tmp_path / "out"
    assert f"{out} (SAELens)" in run("convert", tmp_path / "goodfire-l19.pt", "--out", out)
    original = load_sae(tmp_path / "goodfire-l19.pt", allow_pickle=True)
    assert load_sae(out).content_hash == original.content_hash
    before = {path: path.read_bytes() for path in out.iterdir()}
    text = run("convert", tmp_path / "goodfire-l19.pt", "--out", out, code=1)
    assert "already exists" in text
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_convert_writes_what_was_given_by_hand(tmp_path: Path) -> None:
    run("convert", SAELENS / "topk_none", "--out", tmp_path / "out", "--centre-input")
    assert load_sae(tmp_path / "out").centre_input


def test_a_path_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    for command in (["inspect"], ["convert", "--out", str(tmp_path / "x")]):
        text = run(command[0], tmp_path / "nowhere", *command[1:], code=1)
        assert text.startswith("Error: ") and "no such file or folder" in text
    assert list(tmp_path.iterdir()) == []


def test_a_release_is_looked_up_and_not_taken_for_a_path() -> None:
    text = run("inspect", "no-such-release:blocks.8.hook_resid_pre", code=1)
    assert "sae-lens" in text or "no such release" in text


def test_list_needs_bundles(tmp_path: Path) -> None:
    assert "contains no bundle" in run("list", tmp_path, code=1)


def test_reproduce_says_same_rows_or_the_difference(tmp_path: Path) -> None:
    older = Path(__file__).parents[1] / "bundles" / "schema-2"
    shutil.copytree(older, tmp_path / "whole")
    figure = flag_counts(open_bundle(tmp_path / "whole"))
    fewer = replace(figure, rows=figure.rows.slice(1))
    for name, made in (("same", figure), ("other", fewer)):
        (tmp_path / f"{name}.parquet").write_bytes(export(made, "parquet"))
    bundle = ("--bundle", tmp_path / "whole")
    answer = run("reproduce", tmp_path / "same.parquet", *bundle)
    assert answer.startswith(f"Same rows: all {figure.rows.num_rows} rows of “")
    answer = run("reproduce", tmp_path / "other.parquet", *bundle, code=3)
    assert "the file has 3 rows, the figure now has 4." in answer
    refused = run("reproduce", tmp_path / "none.png", *bundle, code=1)
    assert (
        refused == f"Error: {tmp_path}/none.png: there is no such file; give one that was exported."
    )


def test_verify_and_list_name_what_is_damaged(tmp_path: Path) -> None:
    older = Path(__file__).parents[1] / "bundles" / "schema-2"
    for name in ("whole", "damaged", "refused"):
        shutil.copytree(older, tmp_path / name)
    file = tmp_path / "damaged" / "contexts.parquet"
    content = bytearray(file.read_bytes())
    content[4:400] = bytes(396)
    file.write_bytes(content)
    (tmp_path / "refused" / "logits.parquet").unlink()
    text = run("verify", tmp_path / "whole")
    assert "tokens 1,440 rows 0.0 MB whole" in text and "whole is whole: all rows" in text
    assert "15 of 15 tables have no page checksums" in text
    text = run("verify", tmp_path / "damaged", code=1)
    assert "damaged: damaged/contexts.parquet: " in text and "is damaged. " in text
    assert "logits.parquet: is missing" in run("verify", tmp_path / "refused", code=1)
    text = run("list", tmp_path)
    assert "cannot be read" in text and "logits.parquet" in text
    assert text.count("planted-sae") == 2


def test_a_scheduler_that_does_not_answer_ends_a_build_at_once(tmp_path: Path) -> None:
    text = run(
        "build", "--sae", SAELENS / "topk_none", "--out", tmp_path / "bundle", "--scheduler", "no",
        code=1,
    )  # fmt: skip
    assert "no: no Dask scheduler answers; start one with `dask scheduler`" in text
    assert not list(tmp_path.iterdir())


def test_cluster_prints_the_clusters_of_a_selection_and_writes_them(
    planted_bundle: Bundle, tmp_path: Path
) -> None:
    file = tmp_path / "clusters.parquet"
    topics = "latent=" + ",".join(map(str, range(80)))
    options = ("--select", topics, "--space", "cooccurrence", "--draws", 1, "--out", file)
    text = run("cluster", planted_bundle.path, *options)
    table = pq.read_table(file)
    assert f"{table.num_rows} clusters of " in text and "in 1 null draws" in text
    assert "reproducible" in text and f"Wrote {file}" in text
    for row in table.to_pylist():
        assert set(row["members"]) <= set(range(80)) and row["size"] == len(row["members"])
    assert "exists already" in run("cluster", planted_bundle.path, *options, code=1)
    decoder = run("cluster", planted_bundle.path, "--select", topics, "--space", "decoder")
    assert "by decoder" in decoder and "There is no null in this space" in decoder
    assert "expected" in run("cluster", planted_bundle.path, "--select", "density <", code=1)


def test_notes_are_exported_imported_and_anonymised(
    planted_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_NOTES", f"sqlite:///{tmp_path / 'notes.sqlite'}")
    rows = ["kind,latents,name,tags,text,status", "latent,[3],a,[],,open", "latent,[4],b,[],,open"]
    (tmp_path / "given.csv").write_text("\n".join(rows))
    bundle = planted_bundle.path
    stored = run("notes", "import", bundle, tmp_path / "given.csv")
    assert stored.strip() == "2 notes stored, 0 unchanged."
    (tmp_path / "given.csv").write_text("\n".join(rows).replace(",a,", ",c,"))
    kept = run("notes", "import", bundle, tmp_path / "given.csv")
    assert "0 notes stored, 1 unchanged. 1 stored notes differ" in kept.replace("\n", " ")
    assert "1 notes stored" in run("notes", "import", bundle, tmp_path / "given.csv", "--replace")
    written = run("notes", "export", bundle, tmp_path / "all[b].parquet")
    assert "2 notes written, with 0 votes," in written and "all[b].parquet." in written
    assert "0 entries changed" in run("notes", "forget", "nobody of this name")
    assert "end in .parquet or .csv" in run("notes", "export", bundle, "x.txt", code=1)
