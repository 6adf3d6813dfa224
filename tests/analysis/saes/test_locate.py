"""Repositories and releases, through the real hub client and a hub on this machine."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from analysis.runtime.errors import InputError
from analysis.saes import load_sae, locate
from tests.analysis.saes.cases import CASES, write
from tests.analysis.saes.hub import COMMITS, REPOSITORY, Hub, serving

ORACLE = Path(__file__).parents[2] / "oracles" / "saelens"
FILES = ["cfg.json", "reference.safetensors", "sae_weights.safetensors"]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A repository with two revisions; the client has its address and an empty cache."""
    root = tmp_path / "hub"
    shutil.copytree(ORACLE / "topk_none", root / "main" / "deep" / "topk")
    shutil.copytree(ORACLE / "gated_none", root / "v1.0" / "deep" / "topk")
    write(CASES["llama_scope"], root / "main" / "L3R-8x")
    write(CASES["neel"], root / "main" / "neel")
    (root / "main" / "README.md").write_text("Two SAEs.")
    with serving(root) as server:
        use(monkeypatch, server.address, tmp_path / "cache")
        yield server


def use(monkeypatch: pytest.MonkeyPatch, address: str, cache: Path) -> None:
    """What the environment's HF_ENDPOINT and HF_HUB_CACHE set when the client is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        load_sae(text, allow_pickle=True)
    message = str(caught.value)
    assert "\n" not in message and message.endswith(".")
    return message


@pytest.mark.parametrize(
    ("text", "oracle"),
    [
        (f"{REPOSITORY}:deep/topk@v1.0", "gated_none"),
        (f"{REPOSITORY}:deep/topk@{'b' * 40}", "gated_none"),
        (f"{REPOSITORY}:deep/topk@main", "topk_none"),
        (f"{REPOSITORY}:deep/topk/", "topk_none"),
    ],
)
def test_a_folder_of_a_revision(hub: Hub, text: str, oracle: str) -> None:
    assert load_sae(text).content_hash == load_sae(ORACLE / oracle).content_hash
    assert hub.downloads() == [f"deep/topk/{name}" for name in FILES]


def test_one_file_comes_with_its_configuration(hub: Hub) -> None:
    load_sae(f"{REPOSITORY}:deep/topk/sae_weights.safetensors@main")
    assert hub.downloads() == ["deep/topk/cfg.json", "deep/topk/sae_weights.safetensors"]


def test_a_configuration_called_after_its_file_comes_too(hub: Hub) -> None:
    assert load_sae(f"{REPOSITORY}:neel/25.pt", allow_pickle=True).format == "neel"
    assert hub.downloads() == ["neel/25.pt", "neel/25_cfg.json"]


def test_weights_a_folder_deeper_come_with_theirs(hub: Hub) -> None:
    for place in ("L3R-8x", "L3R-8x/checkpoints/final.safetensors"):
        assert load_sae(f"{REPOSITORY}:{place}").format == "llama_scope"
    assert hub.downloads() == ["L3R-8x/checkpoints/final.safetensors", "L3R-8x/hyperparams.json"]


def test_what_is_in_the_cache_needs_no_server(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_sae(f"{REPOSITORY}:deep/topk@v1.0").content_hash
    use(monkeypatch, unused_address(), tmp_path / "cache")
    assert load_sae(f"{REPOSITORY}:deep/topk@v1.0").content_hash == before


def test_a_repository_without_a_folder_gives_only_its_own_files(hub: Hub) -> None:
    """Not the hundred SAEs in its folders; these are named instead."""
    message = refusal(f"{REPOSITORY}@main")
    assert "its folders are L3R-8x, deep, neel" in message and REPOSITORY in message
    assert hub.downloads() == ["README.md"]


def test_an_unknown_folder_lists_the_known_ones(hub: Hub) -> None:
    message = refusal(f"{REPOSITORY}:deep/tpok@main")
    assert f"{REPOSITORY}: there is no deep/tpok at main" in message
    assert "its folders are L3R-8x, deep, neel" in message


def test_an_unknown_revision_is_named(hub: Hub) -> None:
    message = refusal(f"{REPOSITORY}:deep/topk@v9")
    assert "RevisionNotFound" in message and "v9" in message


def test_an_unknown_repository_is_named(hub: Hub) -> None:
    message = refusal("org/other:deep/topk")
    assert "org/other" in message and "RepositoryNotFound" in message
    assert not hub.downloads()


def test_an_unreachable_hub_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, unused_address(), tmp_path / "cache")
    assert "check the name and the network" in refusal(f"{REPOSITORY}:deep/topk@main")


def unused_address() -> str:
    """An address at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("folder", ["../../etc", "deep/../../etc", "/etc", "~/x/.."])
def test_a_folder_outside_the_repository_is_refused(hub: Hub, folder: str) -> None:
    assert "outside the repository" in refusal(f"{REPOSITORY}:{folder}@main")
    assert not hub.requests


def test_a_server_that_lists_paths_outside_writes_nothing_there(hub: Hub, tmp_path: Path) -> None:
    hub.listed = [f"deep/topk/{'../' * depth}escaped.json" for depth in range(3, 9)]
    refusal(f"{REPOSITORY}:deep/topk@main")
    assert not list(tmp_path.rglob("escaped.json"))


def test_a_mistyped_local_path_sends_no_request(hub: Hub) -> None:
    assert "no such file or folder" in refusal("data/sea")
    assert not hub.requests


def test_the_command_line_inspects_a_repository(hub: Hub, tmp_path: Path) -> None:
    """As a user has it: the hub's address in the environment, everything else real."""
    environment = os.environ | {
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_CACHE": str(tmp_path / "home" / "cache"),
        "COLUMNS": "200",
    }
    command = [sys.executable, "-m", "analysis", "inspect", f"{REPOSITORY}:L3R-8x@main"]
    run = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "Llama Scope (llama_scope)" in run.stdout
    assert "blocks.3.hook_resid_post" in run.stdout


TABLE = f"""
gpt2-small-res-jb:
  repo_id: {REPOSITORY}
  config_overrides:
    model_from_pretrained_kwargs:
      center_writing_weights: true
  saes:
  - id: blocks.8
    path: deep/topk
    norm_scaling_factor: 0.5
    l0: 14.5
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sae-lens that is installed and holds a table, but must not be imported."""
    package = tmp_path / "packages" / "sae_lens"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (package / "pretrained_saes.yaml").write_text(TABLE)
    monkeypatch.delitem(sys.modules, "sae_lens", raising=False)
    monkeypatch.syspath_prepend(package.parent)


@pytest.mark.usefixtures("table")
def test_a_release_brings_what_its_table_knows(hub: Hub) -> None:
    cfg = hub.folders[COMMITS["main"]] / "deep" / "topk" / "cfg.json"
    cfg.write_text(cfg.read_text().replace('"none"', '"expected_average_only_in"', 1))
    sae, plain = load_sae("gpt2-small-res-jb:blocks.8"), load_sae(ORACLE / "topk_none")
    assert hub.downloads() == [f"deep/topk/{name}" for name in FILES]
    assert sae.centre_input and sae.advertised_l0 == 14.5
    torch.testing.assert_close(sae.W_enc, plain.W_enc * 0.5)
    torch.testing.assert_close(sae.b_dec, plain.b_dec / 0.5)


@pytest.mark.usefixtures("table")
def test_a_release_that_is_not_in_the_table_is_named(hub: Hub) -> None:
    assert "no SAE called 'blocks.9'; give one of its ids, such as blocks.8" in refusal(
        "gpt2-small-res-jb:blocks.9"
    )
    assert "no such release" in refusal("gpt3:blocks.8")
    assert not hub.requests


def test_a_release_without_saelens_installed_gives_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(locate, "find_spec", lambda name: None)
    assert "install the package sae-lens" in refusal("gpt2-small-res-jb:blocks.8")
