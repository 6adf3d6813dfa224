"""Repositories and releases, with the client's download replaced by a local folder."""

import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch

from analysis.errors import InputError
from analysis.saes import load_sae, sources

ORACLE = Path(__file__).parents[2] / "oracles" / "saelens"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """A repository that holds one SAELens folder, `deep/topk`; returns the requests made of it."""
    shutil.copytree(ORACLE / "topk_none", tmp_path / "deep" / "topk")
    requests: list[dict[str, Any]] = []

    def download(repo: str, **request: Any) -> str:
        requests.append({"repo": repo, **request})
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return requests


@pytest.mark.parametrize(
    ("text", "revision"),
    [("org/some.repo:deep/topk@v1.0", "v1.0"), ("org/some.repo:deep/topk/", None)],
)
def test_a_repository_with_a_folder(hub: list[dict[str, Any]], text: str, revision: str) -> None:
    assert load_sae(text).content_hash == load_sae(ORACLE / "topk_none").content_hash
    assert hub[0]["repo"] == "org/some.repo" and hub[0]["revision"] == revision
    assert "deep/topk/*" in hub[0]["allow_patterns"]


def test_one_file_of_a_repository_comes_with_its_configuration(hub: list[dict[str, Any]]) -> None:
    load_sae("org/repo:deep/topk/sae_weights.safetensors@main")
    assert "deep/topk/cfg.json" in hub[0]["allow_patterns"]
    assert "deep/topk/*" not in hub[0]["allow_patterns"]


def test_a_folder_outside_the_repository_is_refused(hub: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError, match="inside the repository"):
        load_sae("org/repo:../../etc@main")
    assert not hub


def test_a_mistyped_local_path_asks_no_server(hub: list[dict[str, Any]]) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        load_sae("data/sea")
    assert not hub


def test_an_unreachable_hub_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="check the name and the network") as caught:
        load_sae("org/repo:folder@main")
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


TABLE = """
gpt2-small-res-jb:
  repo_id: org/repo
  config_overrides:
    model_from_pretrained_kwargs:
      center_writing_weights: true
  saes:
  - id: blocks.8
    path: deep/topk
    norm_scaling_factor: 0.5
    l0: 14.5
"""


def test_a_release_brings_what_its_table_knows(
    hub: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "sae_lens"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    (package / "pretrained_saes.yaml").write_text(TABLE)
    monkeypatch.syspath_prepend(package.parent)
    cfg = tmp_path / "deep" / "topk" / "cfg.json"
    cfg.write_text(cfg.read_text().replace('"none"', '"expected_average_only_in"', 1))
    sae, plain = load_sae("gpt2-small-res-jb:blocks.8"), load_sae(ORACLE / "topk_none")
    assert sae.centre_input and sae.advertised_l0 == 14.5
    torch.testing.assert_close(sae.W_enc, plain.W_enc * 0.5)
    torch.testing.assert_close(sae.b_dec, plain.b_dec / 0.5)
    with pytest.raises(InputError, match=r"no SAE called 'blocks\.9'; it begins with blocks\.8"):
        sources.find("gpt2-small-res-jb:blocks.9")
    with pytest.raises(InputError, match="no such release"):
        sources.find("gpt3:blocks.8")


def test_without_saelens_a_release_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="package sae-lens must be installed"):
        load_sae("gpt2-small-res-jb:blocks.8")
