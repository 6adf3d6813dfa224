"""The whole pipeline: it resumes, is reproducible, and leaves no incomplete output."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from scipy import sparse

from analysis.build import build_bundle
from analysis.bundle import TABLES, Bundle, Parameters
from analysis.cooccurrence.association import measure_table
from analysis.runtime.errors import InputError
from analysis.saes import SparseAutoencoder
from analysis.saes.saelens import save_saelens
from analysis.settings import BuildRequest
from tests.analysis.harvest.tiny_model import WORDS, tiny_language_model
from tests.planted import Planted, planted_activations, planted_sae


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> BuildRequest:
    folder = tmp_path_factory.mktemp("small")
    made = planted_activations(folder, documents=12, document_tokens=100)
    sae = planted_sae(folder / "sae")
    return BuildRequest(
        sae=str(sae),
        out=folder / "bundle",
        activations=made.activations,
        parameters=Parameters(seed=1, epochs=30, null_draws=1),
    )


def _bits(bundle: Bundle) -> np.ndarray:
    """Dense activity [tokens, latents] from the stored activations."""
    bits = np.zeros((bundle.tokens.num_rows, bundle.latents.num_rows), dtype=bool)
    for latent in range(bits.shape[1]):
        bits[bundle.activations.of_latent(latent)[0], latent] = True
    return bits


def test_counts_equal_the_imported_rows(planted: Planted, planted_bundle: Bundle) -> None:
    rows = pq.read_table(planted.activations).to_pandas()
    counts = rows.groupby("latent").size().reindex(range(planted_bundle.latents.num_rows))
    assert planted_bundle.manifest.tokens == planted.n_tokens
    assert planted_bundle.latents["active_tokens"].to_pylist() == counts.fillna(0).tolist()
    documents = rows.groupby("latent")["document"].nunique()
    found = planted_bundle.latents.to_pandas()["active_documents"]
    assert (found[documents.index] == documents).all()
    assert planted_bundle.manifest.self_check.l0 == pytest.approx(len(rows) / planted.n_tokens)


def test_invariants_of_the_counts(planted_bundle: Bundle) -> None:
    bits = sparse.csc_array(_bits(planted_bundle).astype(np.int64))
    joint = (bits.T @ bits).toarray()
    partners = planted_bundle.partners.all()
    a, b = partners["latent"].to_numpy(), partners["partner"].to_numpy()
    assert (partners["joint_tokens"].to_numpy() == joint[a, b]).all()
    n = planted_bundle.latents["active_tokens"].to_numpy()
    assert (np.diag(joint) == n).all()
    assert (joint[a, b] <= np.minimum(n[a], n[b])).all()
    assert (joint[a, b] > 0).all()
    assert (a != b).all()
    made = measure_table(partners, planted_bundle.latents, planted_bundle.manifest.tokens)
    jaccard, dice, overlap = (made[name].to_numpy() for name in ("jaccard", "dice", "overlap"))
    assert (jaccard <= dice + 1e-12).all()
    assert (dice <= overlap + 1e-12).all()
    for name in ("phi", "npmi"):
        assert np.abs(made[name].to_numpy()).max() <= 1 + 1e-12


def test_planted_truth_is_found(planted: Planted, planted_bundle: Bundle) -> None:
    flags = planted_bundle.latents["flag"].to_pylist()
    assert {i for i, flag in enumerate(flags) if flag == "dead"} == set(planted.dead)
    assert set(planted.dense) <= {i for i, flag in enumerate(flags) if flag == "dense"}
    x = planted_bundle.latents["x"].to_pylist()
    assert [i for i, value in enumerate(x) if value is None] == list(planted.dead)
    cluster = planted_bundle.latents["cluster"].to_pylist()
    for members in planted.groups.values():
        assert len({cluster[i] for i in members} - {None}) == 1


def test_twice_the_same_seed_is_the_same_bundle(small: BuildRequest, tmp_path: Path) -> None:
    ids, contents = [], []
    for name in ("one", "two"):
        bundle = build_bundle(replace(small, out=tmp_path / name))
        ids.append(bundle.manifest.bundle_id)
        contents.append({t: (bundle.path / f"{t}.parquet").read_bytes() for t in TABLES})
    assert ids[0] == ids[1]
    assert contents[0] == contents[1]
    other = replace(
        small, out=tmp_path / "three", parameters=Parameters(seed=2, epochs=30, null_draws=1)
    )
    assert build_bundle(other).manifest.bundle_id != ids[0]


def test_memory_setting_does_not_change_the_bundle(small: BuildRequest, tmp_path: Path) -> None:
    ids = [
        build_bundle(
            replace(small, out=tmp_path / str(memory), memory_bytes=memory)
        ).manifest.bundle_id
        for memory in (200_000, 500_000_000)
    ]
    assert ids[0] == ids[1]


class _Interrupted(KeyboardInterrupt):
    pass


@pytest.mark.parametrize("step", ["contexts, latents", "co-occurrence, latents", "clusters"])
def test_an_interrupted_build_resumes_with_an_equal_result(
    small: BuildRequest, tmp_path: Path, step: str
) -> None:
    whole = build_bundle(replace(small, out=tmp_path / "whole"))
    request = replace(small, out=tmp_path / "cut")
    seen: list[str] = []

    def stop_there(name: str, done: int, total: int) -> None:
        seen.append(name)
        if name == step:
            raise _Interrupted

    with pytest.raises(_Interrupted):
        build_bundle(request, stop_there)
    assert not request.out.exists()
    seen.clear()
    again = build_bundle(request, lambda name, done, total: seen.append(name))
    assert "harvest, tokens" not in seen
    assert again.manifest.bundle_id == whole.manifest.bundle_id
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut", "whole"]


def test_other_inputs_start_a_new_build(small: BuildRequest, tmp_path: Path) -> None:
    request = replace(small, out=tmp_path / "cut")

    def stop_at_contexts(name: str, done: int, total: int) -> None:
        if name.startswith("contexts"):
            raise _Interrupted

    with pytest.raises(_Interrupted):
        build_bundle(request, stop_at_contexts)
    changed = replace(
        request, parameters=Parameters(seed=5, epochs=30, active_threshold=1.0, null_draws=1)
    )
    assert build_bundle(changed).manifest.active_rule == "activation > 1"


def test_nothing_is_left_where_the_input_is_bad(small: BuildRequest, tmp_path: Path) -> None:
    broken = tmp_path / "activations.parquet"
    broken.write_bytes(b"PAR1 no")
    request = replace(small, out=tmp_path / "bundle", activations=broken)
    with pytest.raises(InputError) as caught:
        build_bundle(request)
    assert str(broken) in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["activations.parquet"]


def test_a_bundle_is_never_overwritten(small: BuildRequest, tmp_path: Path) -> None:
    request = replace(small, out=tmp_path / "bundle")
    build_bundle(request)
    with pytest.raises(InputError, match="already exists"):
        build_bundle(request)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activations": None}, "give both --model and --corpus"),
        ({"model": "smollm2-135m"}, "not both"),
        ({"activations": Path("nothing.parquet")}, "there is no such file"),
        ({"sae": "no/such/sae"}, "no/such/sae"),
    ],
)
def test_requests_that_make_no_sense(
    small: BuildRequest, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        build_bundle(replace(small, out=tmp_path / "bundle", **changes))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_bos_of_blocks_is_neither_stored_nor_counted(tmp_path: Path) -> None:
    """Blocks of 5 words after BOS; the first position, which is BOS, is the masked sink."""
    model = tiny_language_model()
    model.model.save_pretrained(tmp_path / "model")
    model.tokenizer.save_pretrained(tmp_path / "model")
    sae = SparseAutoencoder(
        format="saelens",
        architecture="standard",
        W_enc=torch.eye(16),
        W_dec=torch.eye(16),
        b_enc=torch.zeros(16),
        b_dec=torch.zeros(16),
        hook_point="blocks.0.hook_resid_post",
    )
    save_saelens(sae, tmp_path / "sae")
    corpus = tmp_path / "words.txt"
    corpus.write_text(" ".join(WORDS * 10))
    request = BuildRequest(
        sae=str(tmp_path / "sae"),
        model=str(tmp_path / "model"),
        corpus=corpus,
        out=tmp_path / "bundle",
        prepend_bos=True,
        block_tokens=6,
        device="cpu",
    )
    bundle = build_bundle(request)
    assert bundle.manifest.tokens == 400
    assert bundle.manifest.mask.special_tokens == 0
    assert bundle.manifest.mask.policy.startswith("Each block begins with BOS.")
    assert pq.read_metadata(bundle.path / "tokens.parquet").num_rows == 400
