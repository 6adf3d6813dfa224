"""The command line: `python -m analysis build | inspect | list`.

Modules that load torch or a model are imported by the command that needs them, so that `--help`
and `list` answer at once.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from analysis.bundle import MANIFEST, TABLES, Manifest, Parameters, open_bundle, read_manifest
from analysis.errors import InputError

INTERRUPTED = 130

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Clearwater's analysis: from a saved SAE to a bundle that the dashboard shows.",
)
out = Console()
err = Console(stderr=True)


class RateColumn(ProgressColumn):
    """Pieces a second."""

    def render(self, task: Task) -> Text:
        """The rate as text; empty before it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s".rjust(9) if speed else " " * 9)


class ConsoleReport:
    """Shows each step of a build as a bar with its rate and the time that is left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        """Say that `done` of `total` pieces of a step are done."""
        if step not in self._tasks:
            # The first report carries what an earlier run had finished: the rate starts there.
            self._tasks[step] = self._progress.add_task(step, total=total, completed=done)
        self._progress.update(self._tasks[step], completed=done, total=total)


@contextmanager
def _bars() -> Iterator[ConsoleReport]:
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as progress:
        yield ConsoleReport(progress)


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Bad input ends the command with its one sentence and exit code 1, Ctrl-C with a hint."""
    try:
        yield
    except InputError as error:
        err.print(Text.assemble(("Error: ", "red"), str(error)), soft_wrap=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        err.print("Stopped. The same command goes on where it was.")
        raise typer.Exit(INTERRUPTED) from None


@app.command()
def build(
    sae: Annotated[str, typer.Option(help="Folder of the saved SAE.")],
    out_folder: Annotated[Path, typer.Option("--out", help="Folder of the new bundle.")],
    model: Annotated[
        str | None, typer.Option(help="transformers model: a folder, a GGUF file or a hub id.")
    ] = None,
    corpus: Annotated[
        Path | None, typer.Option(help="Text: .txt, .jsonl or .parquet with a text column.")
    ] = None,
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
    hook: Annotated[
        str | None,
        typer.Option(help="Hook point, e.g. blocks.12.hook_resid_post; default: the SAE's own."),
    ] = None,
    prepend_bos: Annotated[
        bool | None, typer.Option(help="Begin each block with BOS; default: as the SAE says.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the samples, the map and the clusters.")] = 0,
    active_above: Annotated[
        float, typer.Option(help="A latent is active where its activation is above this.", min=0)
    ] = 0.0,
    memory: Annotated[
        int, typer.Option(help="Megabytes for counting and sorting, beside the model's.", min=64)
    ] = 512,
) -> None:
    """Make a bundle from a saved SAE, its model and a corpus.

    An interrupted build goes on where it was when the same command is given again.
    """
    with _clear_errors():
        from analysis.build import BuildRequest, build_bundle

        request = BuildRequest(
            sae=sae,
            out=out_folder,
            model=model,
            corpus=corpus,
            activations=activations,
            tokens_file=tokens_file,
            hook=hook,
            prepend_bos=prepend_bos,
            memory_bytes=memory * 1_000_000,
            parameters=Parameters(max_tokens=tokens, seed=seed, active_threshold=active_above),
        )
        with _bars() as report:
            bundle = build_bundle(request, report)
        _print_bundle(bundle.manifest, bundle.path)


@app.command()
def inspect(
    path: Annotated[Path, typer.Argument(help="A saved SAE or a bundle.")],
    columns: Annotated[
        bool, typer.Option("--columns", help="Also print every table and column of a bundle.")
    ] = False,
) -> None:
    """Say what a saved SAE or a bundle is."""
    with _clear_errors():
        if (path / MANIFEST).is_file():
            bundle = open_bundle(path)
            _print_bundle(bundle.manifest, path)
            if columns:
                _print_columns()
        else:
            _print_sae(path)


@app.command(name="list")
def list_bundles(
    folder: Annotated[Path, typer.Argument(help="A folder that holds bundles.")],
) -> None:
    """List the bundles in a folder."""
    with _clear_errors():
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder; give one that holds bundles.")
        table = Table("bundle", "id", "SAE", "latents", "tokens", "model")
        found = 0
        for manifest_file in sorted(folder.glob(f"*/{MANIFEST}")):
            try:
                made = read_manifest(manifest_file.parent)
            except InputError as error:
                err.print(Text.assemble(("Left out: ", "yellow"), str(error)), soft_wrap=True)
                continue
            found += 1
            table.add_row(
                manifest_file.parent.name,
                made.bundle_id,
                made.sae.name,
                f"{made.sae.d_sae:,}",
                f"{made.tokens:,}",
                made.model.name if made.model else "imported",
            )
        if not found:
            raise InputError(
                f"{folder}: holds no bundle; make one with `python -m analysis build`."
            )
        out.print(table)


def _print_bundle(made: Manifest, path: Path) -> None:
    check = made.self_check
    explained = check.explained_variance
    table = Table.grid(padding=(0, 2))
    table.add_row("bundle", f"{path}  ({made.bundle_id}, schema {made.schema_version})")
    table.add_row("SAE", f"{made.sae.name}: {made.sae.architecture}, {made.sae.d_sae:,} latents")
    table.add_row("hook point", f"{made.sae.hook_point}  =  {made.sae.hook_module}")
    table.add_row("model", made.model.name if made.model else "none; activations were imported")
    table.add_row("corpus", made.corpus.name)
    table.add_row("counted", f"{made.tokens:,} tokens in {made.documents:,} documents")
    table.add_row("left out", made.mask.policy)
    table.add_row("active rule", made.active_rule)
    table.add_row("L0", f"{check.l0:.1f} latents per token")
    table.add_row(
        "explained variance",
        "not known for imported activations"
        if explained is None
        else f"{explained:.3f} (centred, {check.tokens:,} tokens)",
    )
    for level in made.clustering:
        table.add_row(
            f"clusters, level {level.level}",
            f"{level.clusters:,} and {level.noise:,} latents in none; stability "
            f"{level.stability:.2f}",
        )
    table.add_row("seconds", ", ".join(f"{k} {v:,.0f}" for k, v in made.timings.items()))
    out.print(table, soft_wrap=True, markup=False)


def _print_columns() -> None:
    for name, schema in TABLES.items():
        table = Table("column", "type", "unit", "meaning", title=f"{name}.parquet")
        for entry in schema:
            said = {key.decode(): value.decode() for key, value in entry.metadata.items()}
            table.add_row(entry.name, str(entry.type), said["unit"], said["meaning"])
        out.print(table)


def _print_sae(path: Path) -> None:
    from analysis.saes import describe, load_sae

    summary = describe(load_sae(path, allow_pickle=True))
    table = Table.grid(padding=(0, 2))
    for name, value in summary.model_dump().items():
        table.add_row(name.replace("_", " "), str(value))
    out.print(table, soft_wrap=True, markup=False)


def main() -> None:
    """Run the command line."""
    sys.exit(app())


if __name__ == "__main__":
    main()
