"""Bundles at the edge of what a build accepts, each built by the command line."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save_file

from tests.faults.builds import command
from tests.planted import planted_activations, planted_sae

D_IN = 16
OLD = Path(__file__).parents[1] / "bundles" / "schema-2"
HOSTILE = (
    "<script>alert(1)</script>", "$x$", "=cmd()", "\u202egnp.exe", "a\0b", "x" * 10_000, "\n", " ",
    "", "日本語", "**b**", "[a](http://x)", "</script><!--", "e" + "\u0301" * 50, "\\",
    "'", '"', "😀", "-1", "@SUM", "{{7*7}}", "NaN", "null", "\ud7ff", "\u2028",
)  # fmt: skip


@dataclass(frozen=True)
class Odd:
    """A small random world."""

    latents: int = 24
    documents: int = 6
    length: int = 40
    rate: float = 0.1
    """Share of the tokens on which a latent is active."""
    words: tuple[str, ...] = (" the", " sea", " court", " import", " rain", " oven")
    options: Mapping[str, str] = field(default_factory=dict)
    """More options of the command line."""


ODD = {
    "one latent": Odd(latents=1),
    "two latents": Odd(latents=2),
    "all dead but one": Odd(rate=0.0),
    "all dense": Odd(rate=0.9),
    "no clusters": Odd(latents=12),
    "one document": Odd(documents=1, length=200),
    "one token": Odd(documents=1, length=1, rate=1.0),
    "hostile text": Odd(words=HOSTILE),
    "explained": Odd(options={"--explanations": "explanations.json"}),
    "no pair is frequent": Odd(rate=0.02),
}
"""None of these has a model, so none has logits; all but one have no explanations."""


def write_world(folder: Path, odd: Odd, seed: int = 0) -> None:
    """Write the SAE, the activations, the tokens and explanations of a world."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    number = odd.documents * odd.length
    tokens = pa.table(
        {
            "document": np.repeat(np.arange(odd.documents), odd.length),
            "position": np.tile(np.arange(odd.length, dtype=np.int32), odd.documents),
            "token": [odd.words[i] for i in rng.integers(len(odd.words), size=number)],
        }
    )
    active = rng.random((number, odd.latents)) < odd.rate
    active[0, 0] = True  # a build needs one activation
    rows, latents = np.nonzero(active)
    activations = tokens.take(pa.array(rows))
    activations = activations.append_column("latent", pa.array(latents.astype(np.int32)))
    values = rng.gamma(3.0, 0.5, len(rows)).astype(np.float32) + np.float32(0.01)
    pq.write_table(tokens, folder / "tokens.parquet")
    pq.write_table(
        activations.append_column("activation", pa.array(values)), folder / "activations.parquet"
    )
    _write_sae(folder / "sae", rng.standard_normal((odd.latents, D_IN)).astype(np.float32))
    explained = {str(i): HOSTILE[i % len(HOSTILE)] or "sea" for i in range(0, odd.latents, 2)}
    (folder / "explanations.json").write_text(json.dumps(explained))


def _write_sae(folder: Path, decoder: np.ndarray) -> None:
    folder.mkdir()
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    latents, d_in = decoder.shape
    weights = {
        "W_enc": np.ascontiguousarray(decoder.T),
        "W_dec": decoder,
        "b_enc": np.zeros(latents, np.float32),
        "b_dec": np.zeros(d_in, np.float32),
    }
    save_file(weights, folder / "sae_weights.safetensors")
    config = {
        "architecture": "standard", "d_in": d_in, "d_sae": latents, "dtype": "float32",
        "device": "cpu", "apply_b_dec_to_input": True, "normalize_activations": "none",
        "reshape_activations": "none",
        "metadata": {"hook_name": "blocks.1.hook_resid_post", "sae_lens_version": "6.54.0"},
    }  # fmt: skip
    (folder / "cfg.json").write_text(json.dumps(config))


def prepare_bundles(folder: Path) -> None:
    """Build a bundle of every kind in `folder/bundles`; the name of its folder is its kind."""
    bundles = folder / "bundles"
    bundles.mkdir()
    for kind, odd in ODD.items():
        world = folder / kind
        write_world(world, odd)
        options = [
            part
            for name, value in odd.options.items()
            for part in (name, str(world / value) if name == "--explanations" else value)
        ]
        _build(world, bundles / kind, options)
    planted = folder / "planted"
    planted_activations(planted, documents=12, document_tokens=100)
    planted_sae(planted / "sae")
    _build(planted, bundles / "planted", [])
    shutil.copytree(OLD, bundles / "schema 2")


def _build(world: Path, out: Path, options: list[str]) -> None:
    inputs = ["--sae", str(world / "sae"), "--activations", str(world / "activations.parquet")]
    done = command(
        ["build", *inputs, "--out", str(out), "--null-draws", "1", *options], world / "log"
    )
    if done.code != 0:
        raise RuntimeError(f"{out.name} was not built: {done.output[-1500:]}")
