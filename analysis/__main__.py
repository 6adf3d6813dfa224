"""The command line: build, refresh, count, cluster, inspect, convert, list, verify, reproduce,
serve and notes.

Modules that load torch or a model are imported by the command that needs them, so that `--help`
and `list` answer at once. Longer than 400 lines because every command is here with its options.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analysis import console
from analysis.bundle import (
    MANIFEST,
    WINDOW,
    Manifest,
    Parameters,
    Space,
    Unit,
    open_bundle,
    read_manifest,
    verify,
)
from analysis.runtime.errors import InputError
from analysis.runtime.interrupts import Terminated, sigterm_interrupts
from analysis.runtime.memory import DEFAULT_CACHE_MEGABYTES
from analysis.settings import (
    SAE_HELP,
    BuildRequest,
    LabelSettings,
    RefreshRequest,
    Resources,
    SaeReading,
    TextInput,
    with_groups,
)

if TYPE_CHECKING:
    from analysis.saes import Overrides, SparseAutoencoder

INTERRUPTED, TERMINATED = 130, 143
"""Exit codes after Ctrl-C and SIGTERM: 128 and the number of the signal."""
DIFFERENT = 3
"""Exit code of `reproduce` if the rows are not the same."""
DEFAULTS = Parameters()

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # the other modes keep the line breaks of docstrings
    help="Analyse a saved sparse autoencoder and write a bundle for the Clearwater dashboard.",
)

Out = Annotated[Path, typer.Option("--out", help="Folder of the new bundle.")]


@contextmanager
def _clear_errors(advice: str = "") -> Iterator[None]:
    """Bad input ends the command with one sentence and exit code 1, a signal with `advice`."""
    try:
        with sigterm_interrupts():
            yield
    except InputError as error:
        console.print_error(error)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as signal:
        console.err.print(f"Stopped. {advice}".strip())
        terminated = isinstance(signal, Terminated)
        raise typer.Exit(TERMINATED if terminated else INTERRUPTED) from None


RESUME = "Run the same command to resume."


@app.command()
@with_groups
def build(
    sae: Annotated[str, typer.Option("--sae", help=SAE_HELP)],
    out: Out,
    text: TextInput,
    labels: LabelSettings,
    resources: Resources,
    reading: SaeReading,
    activations: Annotated[
        Path | None,
        typer.Option(help="Parquet file of activations, instead of --model and --corpus."),
    ] = None,
    tokens_file: Annotated[
        Path | None,
        typer.Option(
            help="Parquet file of every kept token, for --activations. Default: tokens.parquet in "
            "the same folder."
        ),
    ] = None,
    tokens: Annotated[
        int | None, typer.Option(help="Stop after this many kept tokens.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of samples, maps and clusters.")] = (
        DEFAULTS.seed
    ),
    active_above: Annotated[
        float, typer.Option(help="A latent is active where its activation is above this.", min=0)
    ] = DEFAULTS.active_threshold,
    sink_norm: Annotated[
        float,
        typer.Option(
            help="Mask positions whose norm exceeds this multiple of the median norm: attention "
            "sinks, each of which may turn thousands of latents on."
        ),
    ] = DEFAULTS.sink_norm_ratio,
    null_draws: Annotated[
        int | None,
        typer.Option(
            help="How often the clusters are computed where there is nothing to find. Default: 39 "
            "up to 4,000 latents, 5 above.",
            min=1,
        ),
    ] = DEFAULTS.null_draws,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, print the plan, and stop.")
    ] = False,
) -> None:
    """Build a bundle from a saved SAE, its model and a corpus.

    Every precondition is checked first, and the plan is printed: tokens, time, disk and memory. To
    resume an interrupted build, run the same command again.
    """
    with _clear_errors(RESUME):
        request = BuildRequest(
            sae=sae,
            out=out,
            **asdict(text),
            activations=activations,
            tokens_file=tokens_file,
            overrides=reading,
            labels=labels,
            memory_bytes=resources.memory_bytes,
            scheduler=resources.scheduler,
            parameters=Parameters(
                max_tokens=tokens,
                seed=seed,
                active_threshold=active_above,
                sink_norm_ratio=sink_norm,
                null_draws=null_draws,
            ),
        )
        console.err.print(f"Checking the input of {out} …", highlight=False, soft_wrap=True)
        from analysis.build import build_bundle, plan_build

        with console.bars() as report:
            if dry_run:
                console.print_plan(plan_build(request, report))
                return
            bundle = build_bundle(request, report, console.print_plan)
        console.print_bundle(bundle.manifest, bundle.path)


@app.command()
@with_groups
def refresh(
    bundle: Annotated[Path, typer.Argument(help="The bundle to refresh; it is not changed.")],
    sae: Annotated[str, typer.Option("--sae", help=f"The SAE of the bundle. {SAE_HELP}")],
    out: Out,
    labels: LabelSettings,
    resources: Resources,
    reading: SaeReading,
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of samples, maps and clusters. Default: that of the bundle."),
    ] = None,
) -> None:
    """Make a new bundle from the stored activations of an older one.

    Everything that does not need the language model is computed again; the activations, the logit
    effects and the self-check are taken from the older bundle. Explanations are not: give the label
    options again. To resume an interrupted refresh, run the same command again.
    """
    with _clear_errors(RESUME):
        parameters = None
        if seed is not None:
            parameters = read_manifest(bundle).parameters.model_copy(update={"seed": seed})
        request = RefreshRequest(
            bundle=bundle,
            sae=sae,
            out=out,
            overrides=reading,
            labels=labels,
            parameters=parameters,
            memory_bytes=resources.memory_bytes,
            scheduler=resources.scheduler,
        )
        from analysis.build import refresh_bundle

        with console.bars() as report:
            refreshed = refresh_bundle(request, report)
        console.print_bundle(refreshed.manifest, refreshed.path)


@app.command()
@with_groups
def count(
    path: Annotated[Path, typer.Argument(help="A bundle.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the new Parquet files.")],
    resources: Resources,
    unit: Annotated[Unit, typer.Option(help="Count joint tokens, windows or documents.")] = "token",
    window: Annotated[
        int | None,
        typer.Option(help="Kept tokens per window, with --unit window. Default: 256.", min=1),
    ] = None,
    above: Annotated[
        list[float] | None,
        typer.Option(
            help="A latent is active where its activation is above this; repeat for several "
            "thresholds. Default: as in the bundle."
        ),
    ] = None,
    partners: Annotated[
        int, typer.Option(help="Partners to keep per latent and measure.", min=1)
    ] = DEFAULTS.partners_kept,
    minimum_joint: Annotated[
        int, typer.Option(help="Fewest joint units of a pair ranked by NPMI.", min=1)
    ] = DEFAULTS.minimum_joint,
) -> None:
    """Count co-occurrence in a bundle by another unit or activation threshold.

    Writes one Parquet file per threshold, with every measure. The bundle is not changed.
    """
    with _clear_errors(RESUME):
        bundle = open_bundle(path)
        if window is not None and unit != "window":
            raise InputError(
                f"--window {window} has no meaning with --unit {unit}; add --unit window."
            )
        from analysis.cooccurrence.recount import CountRequest, recount
        from analysis.cooccurrence.strongest import Ranking
        from analysis.runtime.progress import Progress
        from analysis.runtime.workers import open_workers

        request = CountRequest(
            unit=unit,
            window=window or WINDOW,
            thresholds=tuple(sorted(set(above or [bundle.manifest.parameters.active_threshold]))),
            ranking=Ranking(partners, minimum_joint),
            memory_bytes=resources.memory_bytes,
        )
        with console.bars() as report:
            files = recount(
                bundle,
                request,
                out,
                open_workers(resources.scheduler),
                Progress("co-occurrence, latents", report),
            )
        console.print_files(files)


@app.command()
def cluster(
    path: Annotated[Path, typer.Argument(help="A bundle.")],
    select: Annotated[
        str, typer.Option(help="A selection, as in the dashboard; by default all latents.")
    ] = "",
    space: Annotated[
        Space | None,
        typer.Option(help="decoder or cooccurrence. Default: the one that the bundle shows first."),
    ] = None,
    draws: Annotated[
        int, typer.Option(help="Null draws, in which latents are shifted inside documents.", min=0)
    ] = 39,
    out: Annotated[
        Path | None, typer.Option("--out", help="A new Parquet file of the clusters.")
    ] = None,
) -> None:
    """Cluster the selected latents of a bundle, and print the clusters.

    By co-occurrence, the stability of each cluster stands beside the largest of any cluster where
    every latent is shifted alone inside its documents. The bundle is not changed.
    """
    with _clear_errors():
        bundle = open_bundle(path)
        if out is not None and out.exists():
            raise InputError(f"{out}: exists already; give a new file.")
        from analysis.clusters.inside import cluster_inside, write_inner_clusters
        from analysis.labels.enrichment import shared_label_words
        from analysis.runtime.progress import Progress
        from analysis.selection import evaluate, parse

        mask = evaluate(parse(select), bundle)
        with console.bars() as report:
            inner = cluster_inside(
                bundle,
                mask,
                space or bundle.manifest.clusters_shown_first,
                draws=draws,
                progress=Progress("clusters and null draws", report),
            )
        members = inner.clusters["members"].to_pylist()
        words = shared_label_words(bundle.latents["label"].to_pylist(), members, mask)
        console.print_inner_clusters(inner, words)
        if out is not None:
            write_inner_clusters(inner, words, bundle, select, out)
            console.print_files([out])


@app.command()
@with_groups
def inspect(
    path: Annotated[str, typer.Argument(help=f"A bundle, or a saved SAE. {SAE_HELP}")],
    text: TextInput,
    reading: SaeReading,
    tokens: Annotated[
        int, typer.Option(help="Kept tokens to measure in the self-check.", min=2)
    ] = 300,
    columns: Annotated[
        bool, typer.Option("--columns", help="Also print every table and column of a bundle.")
    ] = False,
) -> None:
    """Describe a bundle or a saved SAE; with --model and --corpus, check how the SAE is read.

    The self-check measures explained variance and L0 on real tokens. If they do not fit, it also
    reads the SAE in other ways and names the options that fit better.
    """
    with _clear_errors():
        if (Path(path) / MANIFEST).is_file():
            _inspect_bundle(Path(path), text, columns)
        else:
            _inspect_sae(path, text, reading, tokens)


def _inspect_bundle(path: Path, text: TextInput, columns: bool) -> None:
    bundle = open_bundle(path)
    console.print_bundle(bundle.manifest, bundle.path)
    if text.model is not None or text.corpus is not None:
        console.err.print("This is a bundle; the self-check shown is that of its build.")
    if columns:
        console.print_columns()


def _inspect_sae(path: str, text: TextInput, reading: SaeReading, tokens: int) -> None:
    if (text.model is None) != (text.corpus is None):
        raise InputError("The self-check needs a model and a corpus; give --model and --corpus.")
    # Refuse what can be refused before anything large is loaded.
    from analysis.harvest.corpus import CorpusChoice, read_corpus
    from analysis.harvest.hooks import parse_hook_point
    from analysis.saes import FORMATS, describe, load_sae

    if text.hook is not None:
        parse_hook_point(text.hook)
    if text.corpus is not None:
        next(read_corpus(text.corpus, CorpusChoice(text.split, text.text_column)))
    overrides = _overrides(reading)
    sae = load_sae(path, overrides, allow_pickle=True)
    titles = {entry.name: entry.title for entry in FORMATS}
    summary = describe(sae, path, hook_module=_module(sae.hook_point, sae.model_name))
    console.print_sae(summary, titles[sae.format], sae.model_name)
    if text.model is not None and text.corpus is not None:
        _check_sae(sae, text.model, text.corpus, text, overrides, tokens)


def _check_sae(
    sae: "SparseAutoencoder",
    model: str,
    corpus: Path,
    text: TextInput,
    overrides: "Overrides",
    tokens: int,
) -> None:
    from analysis.harvest.conventions import chosen_bos
    from analysis.harvest.corpus import CorpusChoice
    from analysis.harvest.models import DTYPES, load_language_model
    from analysis.harvest.self_check import Sample, self_check

    choice = CorpusChoice(text.split, text.text_column)
    language_model = load_language_model(model, DTYPES[text.dtype or "float32"], text.device)
    bos = chosen_bos(text.prepend_bos, sae, language_model.tokenizer)
    sample = Sample(language_model, corpus, tokens, bos, choice, text.block_tokens)
    console.print_self_check(self_check(sae, sample, text.hook, overrides), sae.advertised_l0)


@app.command()
@with_groups
def convert(
    path: Annotated[str, typer.Argument(help=SAE_HELP)],
    out: Annotated[Path, typer.Option("--out", help="A new folder, in SAELens format.")],
    reading: SaeReading,
) -> None:
    """Convert a saved SAE of any known format to SAELens format."""
    with _clear_errors():
        from analysis.saes import load_sae
        from analysis.saes.saelens import save_saelens

        sae = load_sae(path, _overrides(reading), allow_pickle=True)
        console.print_conversion(save_saelens(sae, out), sae.notes)


@app.command(name="list")
def list_bundles(
    folder: Annotated[Path, typer.Argument(help="A folder that contains bundles.")],
) -> None:
    """List the bundles in a folder."""
    with _clear_errors():
        if not folder.is_dir():
            raise InputError(f"{folder}: there is no such folder; give one that contains bundles.")
        bundles = list(_bundles_in(folder))
        if not bundles:
            raise InputError(f"{folder}: contains no bundle; make one with `clearwater build`.")
        console.print_bundles(bundles)


@app.command(name="verify")
def verify_bundle(path: Annotated[Path, typer.Argument(help="A bundle.")]) -> None:
    """Read a bundle completely: hash every file and check every row.

    Prints one line per table and a verdict. The exit code is 1 if the bundle is damaged.
    """
    with _clear_errors():
        bundle = open_bundle(path)
        problems = []
        for report in verify(bundle):
            console.print_table_report(report)
            problems += [report.problem] if report.problem else []
        if problems:
            more = f" {len(problems) - 1} more: see above." if problems[1:] else ""
            raise InputError(f"{path}: is damaged. {problems[0]}{more}")
        console.print_whole(bundle)


@app.command()
def reproduce(
    file: Annotated[
        Path,
        typer.Argument(help="A file that the dashboard exported: Parquet, CSV, PNG, SVG or HTML."),
    ],
    bundle: Annotated[
        Path | None,
        typer.Option(help="The bundle; by default it is looked for where the dashboard does."),
    ] = None,
) -> None:
    """Make the figure or table of an exported file again, and compare its rows.

    Prints "Same rows", or the first difference and ends with exit code 3. Of a report, every figure
    and table is made again.
    """
    from analysis.serve import bundle_folders

    # Figures are made above this layer, so they are imported by name.
    reproduction = import_module("charts.reproduction")
    with _clear_errors():
        every = reproduction.reproduce_all(file, bundle, bundle_folders())
    for made in every:
        console.print_sentence(made.sentence)
    if any(made.difference for made in every):
        raise typer.Exit(DIFFERENT)


@app.command()
def serve(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            help="More folders of bundles, besides ./bundles and those in CLEARWATER_BUNDLES."
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port to listen on. Default: the first free one from 8501.", min=1, max=65535
        ),
    ] = None,
    address: Annotated[
        str, typer.Option(help="Address to listen on; the default admits this machine only.")
    ] = "127.0.0.1",
    workers: Annotated[
        int,
        typer.Option(help="Server processes behind one port; more than one needs nginx.", min=1),
    ] = 1,
    process_port: Annotated[
        int | None,
        typer.Option(
            help="Port of the first of several processes, for /metrics; those of the others "
            "follow. Default: free ones.",
            min=1,
            max=65535,
        ),
    ] = None,
    memory: Annotated[
        int, typer.Option(help="Megabytes for the caches of all processes together.", min=64)
    ] = DEFAULT_CACHE_MEGABYTES,
) -> None:
    """Serve the dashboard until it is stopped."""
    with _clear_errors():
        from analysis import serve as dashboard

        dashboard.serve(folders or [], port, address, workers, memory, process_port)


notes = typer.Typer(
    no_args_is_help=True,
    help="Export, import, back up and restore notes of readers, and remove an author's name.",
)
app.add_typer(notes, name="notes")
NotesBundle = Annotated[Path, typer.Argument(help="A bundle of the SAE that the notes are on.")]
NotesFile = Annotated[Path, typer.Argument(help="A file that ends in .parquet or .csv.")]


@notes.command(name="export")
def export_notes(bundle: NotesBundle, file: NotesFile) -> None:
    """Write the notes on the SAE of a bundle to a file, with their votes."""
    with _clear_errors():
        from analysis.serve.notes_files import export_file

        notes, votes = export_file(bundle, file)
        console.print_sentence(f"{notes} notes written, with {votes} votes, to {file}.")


@notes.command(name="import")
def import_notes(
    bundle: NotesBundle,
    file: NotesFile,
    replace_stored: Annotated[
        bool,
        typer.Option(
            "--replace", help="Replace stored notes that differ; their versions stay in history."
        ),
    ] = False,
) -> None:
    """Store the notes of a file on the SAE of a bundle; stored notes that differ are kept."""
    with _clear_errors():
        from analysis.serve.notes_files import import_file

        report = import_file(bundle, file, replace=replace_stored)
        votes = f" {report.votes} votes stored."
        kept = f" {len(report.kept)} stored notes differ and were kept; --replace replaces them."
        console.print_sentence(
            f"{report.written} notes stored, {report.unchanged} unchanged."
            f"{votes if report.votes else ''}{kept if report.kept else ''}"
        )


@notes.command(name="backup")
def back_up_notes(
    file: Annotated[Path, typer.Argument(help="A new file, such as notes-2026-01-31.sqlite.")],
) -> None:
    """Write all notes with their history to one file, while the server runs."""
    with _clear_errors():
        from analysis.serve.notes_files import back_up_all

        versions, votes = back_up_all(file)
        console.print_sentence(f"{versions} versions of notes and {votes} votes written to {file}.")


@notes.command(name="restore")
def restore_notes(
    file: Annotated[Path, typer.Argument(help="A file that notes backup has written.")],
) -> None:
    """Fill an empty notes database, SQLite or PostgreSQL, from a backup."""
    with _clear_errors():
        from analysis.serve.notes_files import restore_all

        versions, votes = restore_all(file)
        console.print_sentence(f"{versions} versions of notes and {votes} votes restored.")


@notes.command(name="forget")
def forget_author(
    author: Annotated[str, typer.Argument(help="The name as the history shows it.")],
) -> None:
    """Replace the name of an author everywhere by "former member"; what was written stays."""
    with _clear_errors():
        from analysis.serve.notes_files import forget

        console.print_sentence(f"{forget(author)} entries changed.")


def _bundles_in(folder: Path) -> Iterator[tuple[str, Manifest | InputError]]:
    """The name of every bundle with its manifest, or with the reason why it cannot be read."""
    for manifest_file in sorted(folder.glob(f"*/{MANIFEST}")):
        try:
            yield manifest_file.parent.name, open_bundle(manifest_file.parent).manifest
        except InputError as error:
            yield manifest_file.parent.name, error


def _overrides(reading: SaeReading) -> "Overrides":
    from analysis.saes import Overrides

    return Overrides(**asdict(reading))


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
