"""The command line: `python -m analysis build | count | inspect | convert | list`.

Modules that load torch or a model are imported by the command that needs them, so that `--help`
and `list` answer at once.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from analysis import console
from analysis.bundle import MANIFEST, Manifest, Parameters, open_bundle, read_manifest
from analysis.runtime.errors import InputError

INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Clearwater's analysis: from a saved SAE to a bundle that the dashboard shows.",
)

SAE_HELP = "A folder, a weights file, org/repo:folder@revision, or a SAELens release:id."
Format = Annotated[
    str | None, typer.Option("--format", help="Read it as this format; default: by its content.")
]
Transpose = Annotated[
    bool | None,
    typer.Option("--transpose/--no-transpose", help="Read both matrices the other way round."),
]
CentreInput = Annotated[
    bool | None,
    typer.Option(
        "--centre-input/--no-centre-input", help="Remove each token's mean first; default: its own."
    ),
]
SubtractBDec = Annotated[
    bool | None,
    typer.Option(
        "--subtract-b-dec/--no-subtract-b-dec", help="Subtract b_dec from the input; default: own."
    ),
]
Normalise = Annotated[
    str | None, typer.Option(help="none, constant_norm_rescale or layer_norm; default: its own.")
]
InputScale = Annotated[
    float | None, typer.Option(help="It reads inputs times this, as where a scale was lost.")
]
Model = Annotated[
    str | None, typer.Option(help="transformers model: a folder, a GGUF file or a hub id.")
]
Corpus = Annotated[
    Path | None, typer.Option(help="Text: .txt, .jsonl or .parquet with a text column.")
]
Hook = Annotated[
    str | None,
    typer.Option(help="Hook point, e.g. blocks.12.hook_resid_post; default: the SAE's own."),
]
PrependBos = Annotated[
    bool | None, typer.Option(help="Begin each block with BOS; default: as the SAE says.")
]
Memory = Annotated[
    int, typer.Option(help="Megabytes for counting and sorting, beside the model's.", min=64)
]
Scheduler = Annotated[
    str | None,
    typer.Option(help="Dask scheduler whose workers harvest and count, as tcp://host:8786."),
]


class Unit(StrEnum):
    """What latents fire together on."""

    token = "token"
    window = "window"
    document = "document"


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Bad input ends the command with its one sentence and exit code 1, Ctrl-C with a hint."""
    try:
        yield
    except InputError as error:
        console.print_error(error)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        console.err.print("Stopped. The same command goes on where it was.")
        raise typer.Exit(INTERRUPTED) from None


@app.command()
def build(
    sae: Annotated[str, typer.Option(help=SAE_HELP)],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder of the new bundle.")],
    model: Model = None,
    corpus: Corpus = None,
    activations: Annotated[
        Path | None,
        typer.Option(help="Instead of model and corpus: a Parquet file of activations."),
    ] = None,
    tokens_file: Annotated[
        Path | None,
        typer.Option(help="Every kept token of --activations; default: tokens.parquet beside it."),
    ] = None,
    tokens: Annotated[int | None, typer.Option(help="Stop after so many kept tokens.", min=1)] = (
        None
    ),
    hook: Hook = None,
    prepend_bos: PrependBos = None,
    seed: Annotated[int, typer.Option(help="Seed of the samples, the map and the clusters.")] = 0,
    active_above: Annotated[
        float, typer.Option(help="A latent is active where its activation is above this.", min=0)
    ] = 0.0,
    explanations: Annotated[
        Path | None,
        typer.Option(
            help="What others call the latents: CSV, Parquet, JSON(L), or delphi's folder."
        ),
    ] = None,
    label_model: Annotated[
        str | None,
        typer.Option(help="A transformers model that proposes names for the clusters."),
    ] = None,
    label_endpoint: Annotated[
        str | None,
        typer.Option(
            help="Instead: a server's OpenAI-compatible address; key: CLEARWATER_LABEL_KEY."
        ),
    ] = None,
    label_endpoint_model: Annotated[
        str | None, typer.Option(help="The model that the server is asked for.")
    ] = None,
    label_latents: Annotated[
        int, typer.Option(help="Propose names for so many latents too, densest first.", min=0)
    ] = 0,
    memory: Annotated[
        int,
        typer.Option(
            help="Megabytes for counting and sorting, beside the model's; per worker.", min=64
        ),
    ] = 512,
    scheduler: Scheduler = None,
    sae_format: Format = None,
    transpose: Transpose = None,
    centre_input: CentreInput = None,
    subtract_b_dec: SubtractBDec = None,
    normalise: Normalise = None,
    input_scale: InputScale = None,
) -> None:
    """Make a bundle from a saved SAE, its model and a corpus.

    An interrupted build goes on where it was when the same command is given again.
    """
    with _clear_errors():
        from analysis.build import BuildRequest, build_bundle
        from analysis.labels.requested import LabelSources
        from analysis.saes import Overrides

        request = BuildRequest(
            sae=sae,
            out=out_folder,
            model=model,
            corpus=corpus,
            activations=activations,
            tokens_file=tokens_file,
            hook=hook,
            prepend_bos=prepend_bos,
            overrides=Overrides(
                sae_format, transpose, centre_input, subtract_b_dec, normalise, input_scale
            ),
            labels=LabelSources(
                explanations, label_model, label_endpoint, label_endpoint_model, label_latents
            ),
            memory_bytes=memory * 1_000_000,
            scheduler=scheduler,
            parameters=Parameters(max_tokens=tokens, seed=seed, active_threshold=active_above),
        )
        with console.bars() as report:
            bundle = build_bundle(request, report)
        console.print_bundle(bundle.manifest, bundle.path)


@app.command()
def count(
    path: Annotated[Path, typer.Argument(help="A bundle.")],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder of the new Parquet files.")],
    unit: Annotated[Unit, typer.Option(help="What latents fire together on.")] = Unit.token,
    window: Annotated[
        int | None, typer.Option(help="Kept tokens of a window, for --unit window.", min=1)
    ] = None,
    above: Annotated[
        list[float] | None,
        typer.Option(help="A latent is active above this; give it again for more thresholds."),
    ] = None,
    partners: Annotated[int, typer.Option(help="Kept of each latent, by each measure.", min=1)] = (
        32
    ),
    minimum_joint: Annotated[int, typer.Option(help="Joint units that NPMI asks for.", min=1)] = 10,
    memory: Memory = 512,
    scheduler: Scheduler = None,
) -> None:
    """Count which latents of a bundle fire together by another unit or threshold.

    Writes one Parquet file for each threshold, with every measure. The bundle is not changed.
    """
    with _clear_errors():
        bundle = open_bundle(path)
        if window is not None and unit is not Unit.window:
            raise InputError("--window belongs to --unit window; give both or neither.")
        from analysis.cooccurrence.recount import CountRequest, recount
        from analysis.cooccurrence.strongest import Ranking
        from analysis.runtime.workers import open_workers

        request = CountRequest(
            unit=unit.value,
            window=window or 256,
            thresholds=tuple(sorted(set(above or [bundle.manifest.parameters.active_threshold]))),
            ranking=Ranking(partners, minimum_joint),
            memory_bytes=memory * 1_000_000,
        )
        with console.bars() as report:
            files = recount(
                bundle,
                request,
                out_folder,
                open_workers(scheduler),
                lambda done, total: report("co-occurrence, latents", done, total),
            )
        console.print_files(files)


@app.command()
def inspect(
    path: Annotated[str, typer.Argument(help=f"A bundle, or a saved SAE. {SAE_HELP}")],
    model: Model = None,
    corpus: Corpus = None,
    hook: Hook = None,
    tokens: Annotated[int, typer.Option(help="Kept tokens of the self-check.", min=2)] = 300,
    prepend_bos: PrependBos = None,
    columns: Annotated[
        bool, typer.Option("--columns", help="Also print every table and column of a bundle.")
    ] = False,
    sae_format: Format = None,
    transpose: Transpose = None,
    centre_input: CentreInput = None,
    subtract_b_dec: SubtractBDec = None,
    normalise: Normalise = None,
    input_scale: InputScale = None,
) -> None:
    """Say what a saved SAE or a bundle is; with --model and --corpus, whether it was read rightly.

    The self-check measures explained variance and L0 on real tokens. Where they do not fit, it
    reads the SAE in the neighbouring ways and says which would.
    """
    with _clear_errors():
        if (Path(path) / MANIFEST).is_file():
            bundle = open_bundle(Path(path))
            console.print_bundle(bundle.manifest, bundle.path)
            if model is not None or corpus is not None:
                console.err.print("This is a bundle: its self-check is the one of its build.")
            if columns:
                console.print_columns()
            return
        if (model is None) != (corpus is None):
            raise InputError("The self-check needs both: give --model and --corpus.")
        # What can be refused at once is, before anything is loaded.
        from analysis.harvest.corpus import read_corpus
        from analysis.harvest.hooks import parse_hook_point
        from analysis.saes import FORMATS, Overrides, describe, load_sae

        if hook is not None:
            parse_hook_point(hook)
        if corpus is not None:
            next(read_corpus(corpus))

        overrides = Overrides(
            sae_format, transpose, centre_input, subtract_b_dec, normalise, input_scale
        )
        sae = load_sae(path, overrides, allow_pickle=True)
        titles = {entry.name: entry.title for entry in FORMATS}
        summary = describe(sae)
        module = _module(sae.hook_point, sae.model_name)
        console.print_sae(summary, titles[sae.format], module)
        if model is None or corpus is None:
            return
        import torch

        from analysis.harvest.models import load_language_model
        from analysis.harvest.self_check import Sample, self_check

        bos = sae.metadata.get("prepend_bos") is True if prepend_bos is None else prepend_bos
        sample = Sample(load_language_model(model, torch.float32), corpus, tokens, bos)
        console.print_self_check(self_check(sae, sample, hook, overrides), sae.advertised_l0)


@app.command()
def convert(
    path: Annotated[str, typer.Argument(help=SAE_HELP)],
    out_folder: Annotated[Path, typer.Option("--out", help="A new folder, in SAELens' format.")],
    sae_format: Format = None,
    transpose: Transpose = None,
    centre_input: CentreInput = None,
    subtract_b_dec: SubtractBDec = None,
    normalise: Normalise = None,
    input_scale: InputScale = None,
) -> None:
    """Write a saved SAE of any format as a SAELens folder, which other programs open too."""
    with _clear_errors():
        from analysis.saes import Overrides, load_sae
        from analysis.saes.saelens import save_saelens

        overrides = Overrides(
            sae_format, transpose, centre_input, subtract_b_dec, normalise, input_scale
        )
        sae = load_sae(path, overrides, allow_pickle=True)
        console.print_conversion(save_saelens(sae, out_folder), sae.notes)


@app.command(name="list")
def list_bundles(
    folder: Annotated[Path, typer.Argument(help="A folder that holds bundles.")],
) -> None:
    """List the bundles in a folder."""
    with _clear_errors():
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder; give one that holds bundles.")
        found = list(_bundles_in(folder))
        if not found:
            raise InputError(
                f"{folder}: holds no bundle; make one with `python -m analysis build`."
            )
        console.print_bundles(found)


def _bundles_in(folder: Path) -> Iterator[tuple[str, Manifest]]:
    for manifest_file in sorted(folder.glob(f"*/{MANIFEST}")):
        try:
            yield manifest_file.parent.name, read_manifest(manifest_file.parent)
        except InputError as error:
            console.print_left_out(error)


def _module(hook_point: str | None, model_name: str | None) -> str | None:
    """The Hugging Face module of a hook point, as the model of that name spells it."""
    from analysis.harvest.hooks import family_called, parse_hook_point

    if hook_point is None:
        return None
    try:
        hook = replace(parse_hook_point(hook_point), family=family_called(model_name or ""))
    except InputError:
        return None
    return f"{hook.module}:{hook.side}"


def main() -> None:
    """Run the command line."""
    sys.exit(app())


if __name__ == "__main__":
    main()
