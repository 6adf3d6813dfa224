"""Compare SAEs before the long training: `python -m data.recipes.trials`.

Each trial trains one SAE on 1 M tokens, builds a bundle of text that no trial saw, and measures the
latents on it. Trials run one after the other in the order of `--names`. A trial continues from its
last checkpoint, and a finished one is not repeated; each result is one file in the cache, and
`results.md` beside them is the table of all.
"""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, cast, get_args

import numba
import torch
import typer
from safetensors.torch import load_file

from analysis.build import build_bundle
from analysis.bundle.manifest import Parameters
from analysis.bundle.open import open_bundle
from analysis.harvest.models import DEMO_MODEL
from analysis.runtime.cache_folder import cache_folder
from analysis.runtime.errors import InputError
from analysis.settings import BuildRequest
from data.recipes.harvest import SINK_NORM_RATIO, HarvestPlan, harvest
from data.recipes.held_out_corpus import HELD_OUT
from data.recipes.latent_quality import latent_quality
from data.recipes.sae_state import Architecture, Training
from data.recipes.train_sae import SAE_NAME, train

LAYERS = (8, 12, 16)
SHORT = Training(epochs=2, warmup_steps=100)
TODAY = "today"
"""The name of the SAE of the repository, measured on the same text."""

COLUMNS = {
    "explained_variance": "explained variance",
    "l0": "L0",
    "dead": "dead",
    "few_words": "one or two words",
    "named": "label F1 ≥ .5 of the others",
    "label_f1": "median F1",
    "label_precision": "label precision",
    "label_lift": "label lift",
    "clusters": "clusters",
    "believable": "believable",
    "map_recall": "map recall",
    "map_agreement": "map agreement",
}


@dataclass(frozen=True)
class Trial:
    """One SAE of the comparison."""

    architecture: Architecture
    latents: int
    layer: int

    @property
    def name(self) -> str:
        """As it is given on the command line."""
        return f"{self.architecture}-{self.latents}-{self.layer}"

    @property
    def hook(self) -> str:
        """The hook point on whose activations it is trained."""
        return f"blocks.{self.layer}.hook_resid_post"

    @property
    def training(self) -> Training:
        """The settings of its training."""
        return replace(SHORT, architecture=self.architecture, latents=self.latents)


FIRST = ("topk-8192-12", "topk-8192-8", "topk-8192-16", "batchtopk-8192-12", "matryoshka-8192-12")


def parsed(name: str) -> Trial:
    """The trial of a name such as `topk-8192-12`. Raises InputError for another one."""
    architecture, _, sizes = name.partition("-")
    latents, _, layer = sizes.partition("-")
    if architecture not in get_args(Architecture) or not (latents.isdigit() and layer.isdigit()):
        raise InputError(
            f"{name} is no trial: give ARCHITECTURE-LATENTS-LAYER, such as topk-8192-12."
        )
    return Trial(cast(Architecture, architecture), int(latents), int(layer))


def trained_sae(trial: Trial, plan: HarvestPlan, folder: Path) -> Path:
    """The folder of the trained SAE, which is trained now if it is missing."""
    saved = folder / f"epoch-{trial.training.epochs}"
    if not (saved / "cfg.json").exists():
        one_layer = plan.model_copy(update={"hooks": (trial.hook,)})
        train(one_layer, trial.training, harvest(one_layer, workers=1)[trial.hook], folder)
        for checkpoint in folder.glob("*.safetensors"):  # three times the size of the SAE
            checkpoint.unlink()
    return saved


def measured_quality(sae: Path, folder: Path, corpus: Path, tokens: int) -> dict[str, object]:
    """The qualities of a saved SAE, from a bundle of `tokens` tokens of the corpus.

    The bundle is removed when it has been measured.
    """
    bundle_folder = folder / "bundle"
    if not bundle_folder.exists():
        request = BuildRequest(
            sae=str(sae),
            out=bundle_folder,
            model=DEMO_MODEL,
            corpus=corpus,
            parameters=Parameters(max_tokens=tokens, sink_norm_ratio=SINK_NORM_RATIO),
        )
        build_bundle(request, report=lambda step, *_: print(f"build: {step}", flush=True))
    quality = asdict(latent_quality(open_bundle(bundle_folder)))
    quality["dead"] = dead_share(sae)
    shutil.rmtree(bundle_folder)
    return quality


def dead_share(sae: Path) -> float:
    """Share of the latents that never fired on the last 1 M tokens of the training."""
    sparsity = load_file(sae / "sparsity.safetensors")["sparsity"]
    return float((sparsity <= -9).double().mean())


def results(folder: Path) -> str:
    """The table of all results in Markdown."""
    lines = [f"| SAE | {' | '.join(COLUMNS.values())} |", "|" + "---|" * (len(COLUMNS) + 1)]
    for path in sorted(folder.glob("*/result.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        cells = [_cell(result.get(column)) for column in COLUMNS]
        lines.append(f"| {path.parent.name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return "" if value is None else str(value)


def run(name: str, plan: HarvestPlan, folder: Path, corpus: Path, tokens: int) -> None:
    """Run one trial, or continue it, and write its result."""
    own = folder / name
    if (own / "result.json").exists():
        return
    own.mkdir(parents=True, exist_ok=True)
    if name == TODAY:
        sae = Path(__file__).parents[1] / "sae" / SAE_NAME
    else:
        sae = trained_sae(parsed(name), plan, own)
    quality = measured_quality(sae, own, corpus, tokens)
    half = own / "result.json.part"
    half.write_text(json.dumps(quality, indent=2) + "\n", encoding="utf-8")
    half.replace(own / "result.json")
    (folder / "results.md").write_text(results(folder), encoding="utf-8")
    print(f"{name}: {quality}", flush=True)


def main(
    names: Annotated[str, typer.Option(help="Trials, with commas between.")] = ",".join(
        (*FIRST, TODAY)
    ),
    corpus: Annotated[Path | None, typer.Option(help="Training documents.")] = None,
    measured_on: Annotated[Path, typer.Option(help="Text that no trial saw.")] = HELD_OUT,
    tokens: Annotated[int, typer.Option(help="Kept tokens of that text.")] = 100_000,
    int8: Annotated[bool, typer.Option(help="Read activations that are stored as int8.")] = False,
    threads: Annotated[int, typer.Option(help="Threads of torch and numba.")] = 1,
) -> None:
    """Run the trials that have no result, and print the table."""
    torch.set_num_threads(threads)
    numba.set_num_threads(threads)
    folder = cache_folder() / "trials"
    plan = HarvestPlan(
        corpus=corpus or cache_folder() / "corpus/wide.parquet",
        hooks=tuple(f"blocks.{layer}.hook_resid_post" for layer in LAYERS),
        train_tokens=1_000_000,
        stored_as="int8" if int8 else "bfloat16",
    )
    for name in names.split(","):
        run(name, plan, folder, measured_on, tokens)
    print(results(folder))


if __name__ == "__main__":
    typer.run(main)
