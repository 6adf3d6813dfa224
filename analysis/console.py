"""What the command line prints: progress bars, then tables of names and values.

It prints manifests and reports only, and reads no file and no model, so it loads no torch.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

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
from rich.table import Column, Table
from rich.text import Text

from analysis.bundle import TABLES, Bundle, LabelSummary, Manifest, SaeSource, TableReport
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from analysis.runtime.interrupts import held_signals

if TYPE_CHECKING:
    from analysis.clusters.inside import InnerClusters
    from analysis.harvest.self_check import SelfCheckReport
    from analysis.pipeline.build_plan import BuildPlan

out = Console()
err = Console(stderr=True)

ACTIVATIONS = {
    "topk": "the {k} largest pre-activations of a token",
    "jumprelu": "pre-activations above the threshold of each latent",
    "standard": "ReLU: pre-activations above 0",
    "gated": "pre-activations of the latents whose gate is open",
}
NORMALISATIONS = {
    "none": "none",
    "constant_norm_rescale": "each token scaled to the norm √d_in (constant_norm_rescale)",
    "layer_norm": "each token standardised: mean 0, standard deviation 1 (layer_norm)",
}
MOST_MEMBERS = 12
"""Members of a cluster that are printed."""
NOT_STATED = "not stated in its files"
NORMS = {
    "min": "smallest",
    "p05": "5th percentile",
    "median": "median",
    "p95": "95th percentile",
    "max": "largest",
}


class RateColumn(ProgressColumn):
    """Pieces per second."""

    def render(self, task: Task) -> Text:
        """The rate as text; empty until it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s".rjust(9) if speed else " " * 9)


class ConsoleReport:
    """Shows each step as a bar with its rate and the remaining time."""

    def __init__(self, progress: Progress, raise_held: Callable[[], None]) -> None:
        self._progress = progress
        self._raise_held = raise_held
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        """Show that `done` of `total` pieces of a step are finished."""
        self._raise_held()
        if step not in self._tasks:
            # The first report counts what an earlier run finished, which is not part of the rate.
            self._tasks[step] = self._progress.add_task(step, total=total, completed=done)
        self._progress.update(self._tasks[step], completed=done, total=total)


class LineReport:
    """Prints a line for each tenth of a step, for logs and pipes."""

    def __init__(self, raise_held: Callable[[], None] = lambda: None) -> None:
        self._raise_held = raise_held
        self._tenths: dict[str, int] = {}
        self._started: dict[str, tuple[float, int]] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        """Print the progress of a step if it has reached another tenth."""
        self._raise_held()
        tenth = 10 * done // max(total, 1)
        started, before = self._started.setdefault(step, (time.monotonic(), done))
        if self._tenths.get(step) != tenth:
            self._tenths[step] = tenth
            elapsed, left = time.monotonic() - started, ""
            if elapsed >= 1 and before < done < total:
                rate = (done - before) / elapsed
                left = f", {numbers.short(rate)}/s, {numbers.duration((total - done) / rate)} left"
            err.print(
                f"{step}: {numbers.count(done)} of {numbers.count(total)}{left}",
                highlight=False,
                soft_wrap=True,
            )


@contextmanager
def bars() -> Iterator[ConsoleReport | LineReport]:
    """Bars on the error stream, one per step; lines instead if it is not a terminal.

    A signal that arrives inside is raised by the next report.
    """
    if not err.is_terminal:
        with held_signals() as raise_held:
            yield LineReport(raise_held)
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as progress, held_signals() as raise_held:
        yield ConsoleReport(progress, raise_held)


def print_plan(plan: "BuildPlan") -> None:
    """Print what a build will do, before it starts."""
    _print_rows(plan.rows())


def print_error(error: Exception) -> None:
    """Print an error on the error stream."""
    err.print(Text.assemble(("Error: ", "red"), str(error)), soft_wrap=True)


def print_sentence(sentence: str) -> None:
    """Print one sentence as it is."""
    out.print(sentence, soft_wrap=True, markup=False, highlight=False)


def print_files(files: Iterable[Path]) -> None:
    """Print the files that were written."""
    for file in files:
        out.print(f"Wrote {file}", soft_wrap=True, markup=False)


def print_bundle(made: Manifest, path: Path) -> None:
    """Print what a bundle was made from, and whether its SAE was read correctly."""
    check, sae = made.self_check, made.sae
    tokens, documents = numbers.count(made.tokens), numbers.count(made.documents)
    rows = [
        ("bundle", f"{path}  ({made.bundle_id}, schema {made.schema_version})"),
        ("SAE", f"{sae.name}: {sae.architecture}, {numbers.count(sae.d_sae)} latents"),
        ("hook point", both_spellings(sae.hook_point, sae.hook_module)),
        ("model", made.model.name if made.model else "none; activations were imported"),
        ("corpus", made.corpus.name),
        ("counted", f"{tokens} tokens in {documents} documents"),
        ("mask", made.mask.policy),
        ("active rule", made.active_rule),
        ("L0", f"{numbers.short(check.l0)} latents per token"),
        ("explained variance", _explained(check.explained_variance, check.tokens)),
        ("self-check", check.verdict),
    ]
    rows += [
        (
            f"clusters, {level.space} level {level.level}",
            f"{numbers.count(level.clusters)} clusters; {numbers.count(level.noise)} live latents "
            f"are in none; agreement of seeds {numbers.fraction(level.stability)} (1 is best)",
        )
        for level in made.clustering
    ]
    if made.labels:
        rows.append(("labels", _label_summary(made.labels)))
    seconds = (f"{name} {numbers.count(round(value))}" for name, value in made.timings.items())
    rows.append(("seconds", ", ".join(seconds)))
    _print_rows(rows)


def print_columns() -> None:
    """Print every table and column of a bundle, with its unit and meaning."""
    for name, schema in TABLES.items():
        table = Table("column", "type", "unit", "meaning", title=f"{name}.parquet")
        for entry in schema:
            unit, meaning = (entry.metadata[key].decode() for key in (b"unit", b"meaning"))
            table.add_row(entry.name, str(entry.type), unit, meaning)
        out.print(table)


def print_table_report(report: TableReport) -> None:
    """Print what reading one table completely has shown."""
    size = f"{numbers.count(report.rows):>15} rows {report.bytes / 1e6:>10,.1f} MB"
    verdict = ("damaged: ", "red") if report.problem else ("whole", "green")
    out.print(Text.assemble(f"{report.table:<24}{size}  ", verdict, report.problem), soft_wrap=True)


def print_whole(bundle: Bundle) -> None:
    """Print that a bundle is whole, and by what that is known."""
    without = len(bundle.without_checksums)
    known = "every byte is the one that was written"
    if without:
        known = (
            f"{without} of {len(bundle.files)} tables have no page checksums, because an older "
            "version wrote them"
        )
    out.print(
        f"{bundle.name} is whole: all rows are valid and its id, {bundle.manifest.bundle_id}, is "
        f"that of its content; {known}.",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )


def print_bundles(bundles: Iterable[tuple[str, Manifest | InputError]]) -> None:
    """Print one line per bundle; for one that cannot be read, the reason."""
    names = ("bundle", "id", "SAE", "latents", "tokens", "model")
    table = Table(*(Column(name, overflow="fold") for name in names))
    for name, made in bundles:
        if isinstance(made, InputError):
            table.add_row(name, "", Text(f"cannot be read: {made}", "red"))
            continue
        table.add_row(
            name,
            made.bundle_id,
            made.sae.name,
            numbers.count(made.sae.d_sae),
            numbers.count(made.tokens),
            made.model.name if made.model else "imported",
        )
    out.print(table)


def print_inner_clusters(inner: "InnerClusters", words: Iterable[Iterable[str]]) -> None:
    """Print one line per cluster of a selection, and what its stability is compared with."""
    names = ("latents", "stability", "bootstrap", "reproducible", "words", "members")
    table = Table(*(Column(name, overflow="fold") for name in names))
    for row, own in zip(inner.clusters.to_pylist(), words, strict=True):
        believable = row["believable"]
        members = ",".join(map(str, row["members"][:MOST_MEMBERS]))
        table.add_row(
            numbers.count(row["size"]),
            numbers.fraction(row["stability"]),
            numbers.fraction(row["bootstrap"]),
            numbers.MISSING if believable is None else "yes" if believable else "no",
            Text(" · ".join(own)),
            members + ("…" if row["size"] > MOST_MEMBERS else ""),
        )
    out.print(table)
    null = "There is no null in this space, or none was drawn."
    if inner.draws and inner.clusters.num_rows:
        first = inner.clusters.to_pylist()[0]
        null = (
            f"Largest values in {numbers.count(inner.draws)} null draws: stability "
            f"{numbers.fraction(first['stability_null'])}, bootstrap "
            f"{numbers.fraction(first['bootstrap_null'])}."
        )
    out.print(
        f"{numbers.count(inner.clusters.num_rows)} clusters of {numbers.count(inner.latents)} "
        f"latents by {inner.space}; agreement of the seeds {numbers.fraction(inner.agreement)}. "
        f"{null}",
        soft_wrap=True,
    )


def print_sae(summary: SaeSource, title: str, model_name: str | None) -> None:
    """Print what a saved SAE is; `title` names its format, `model_name` its model."""
    kind = "transcoder" if summary.hook_point_out or summary.d_out != summary.d_in else "SAE"
    d_in, d_sae, d_out = map(numbers.count, (summary.d_in, summary.d_sae, summary.d_out))
    active = ACTIVATIONS[summary.architecture].format(k=summary.k)
    advertised = summary.advertised_l0
    rows = [
        ("format", f"{title} ({summary.format})"),
        ("architecture", f"{summary.architecture} {kind}: {active}"),
        ("width", f"{d_in} inputs, {d_sae} latents, {d_out} outputs (d_in, d_sae, d_out)"),
        ("model", model_name or NOT_STATED),
        ("hook point", both_spellings(summary.hook_point, summary.hook_module)),
        ("output hook point", summary.hook_point_out),
        ("trained on", summary.trained_on or NOT_STATED),
        (
            "advertised L0",
            f"{numbers.short(advertised)} latents per token" if advertised else NOT_STATED,
        ),
        ("normalisation", NORMALISATIONS[summary.normalisation]),
        ("centring", "the mean of each token is subtracted" if summary.centre_input else "none"),
        ("b_dec", b_dec_use(summary.applies_b_dec_to_input)),
        ("skip connection", "W_skip·x is added to the output" if summary.has_skip else None),
        ("decoder norms", decoder_norms(summary.decoder_norms)),
        ("content hash", summary.content_hash[:16]),
    ]
    rows += [("note", note) for note in summary.notes]
    _print_rows(rows)


def print_self_check(report: "SelfCheckReport", advertised_l0: float | None) -> None:
    """Print the verdict on an SAE and, if it does not fit, the other readings that were tried."""
    measured = report.measured
    place = both_spellings(str(report.hook), f"{report.hook.module}:{report.hook.side}")
    explained = (
        "not computed: a transcoder's output is at another hook point than its input"
        if measured.explained_variance is None
        else _explained(measured.explained_variance, measured.tokens)
    )
    advertised = NOT_STATED if advertised_l0 is None else numbers.short(advertised_l0)
    _print_rows(
        [
            ("checked at", place),
            ("explained variance", explained),
            ("L0", f"{numbers.short(measured.l0)} latents per token; advertised: {advertised}"),
            ("self-check", report.verdict.sentence),
            ("advice", report.advice),
        ]
    )
    if report.tried:
        # Lines are not wrapped, so that an option can be copied.
        table = Table.grid(padding=(0, 2))
        table.add_row("other reading", "explained variance", "L0", "option", style="bold")
        for other in report.tried:
            table.add_row(
                other.change,
                numbers.fraction(other.measured.explained_variance),
                numbers.short(other.measured.l0),
                other.option,
            )
        out.print(table, soft_wrap=True, markup=False)


def print_conversion(folder: Path, notes: Iterable[str]) -> None:
    """Print where a converted SAE is, and what was folded or assumed in reading it."""
    _print_rows([("written", f"{folder} (SAELens)"), *(("note", note) for note in notes)])


def both_spellings(hook_point: str | None, module: str | None) -> str:
    """A hook point as TransformerLens and as Hugging Face spell it."""
    if hook_point is None:
        return f"{NOT_STATED}; give --hook"
    if module is None:
        return hook_point
    return f"{hook_point} (TransformerLens)  =  {module} (Hugging Face)"


def b_dec_use(applies_to_input: bool) -> str:
    """How the decoder bias is used."""
    if applies_to_input:
        return "subtracted from the input and added to the output"
    return "only added to the output"


def decoder_norms(norms: dict[str, float]) -> str:
    """Quantiles of the norms of the decoder vectors, in words."""
    return ", ".join(
        f"{NORMS[name]} {numbers.short(norms[name])}" for name in NORMS if name in norms
    )


def _label_summary(labels: LabelSummary) -> str:
    sentence = (
        f"made from {numbers.count(labels.naming_documents)} documents, scored on "
        f"{numbers.count(labels.held_out_words)} words of "
        f"{numbers.count(labels.held_out_documents)} held-out documents"
    )
    if labels.explanations:
        sentence += (
            f"; {numbers.count(labels.explained)} latents and clusters have an explanation "
            f"({', '.join(labels.explanations)}), and {numbers.count(labels.explanations_scored)} "
            "of these have a score (no score: the explanation predicts no held-out word, or the "
            "latent is active on too few)"
        )
    return sentence


def _explained(explained: float | None, tokens: int) -> str:
    if explained is None:
        return "unknown for imported activations and for transcoders"
    return f"{numbers.fraction(explained)} (centred, {numbers.count(tokens)} tokens; 1 is best)"


def _print_rows(rows: Iterable[tuple[str, str | None]]) -> None:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        if value:
            table.add_row(name, value)
    out.print(table, soft_wrap=True, markup=False)
