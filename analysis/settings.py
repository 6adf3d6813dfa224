"""The settings that several commands share, declared once for Python and for the command line.

Fields with an `Option` are command-line options of that name; `with_groups` turns a parameter
of such a group into its options. This module loads neither torch nor a model.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import pydantic.dataclasses
from pydantic import Field
from typer import Option

from analysis.bundle import Parameters
from analysis.runtime.memory import MEMORY_BYTES

SAE_HELP = "A folder, a weights file, org/repo:folder@revision, or a SAELens release:id."
_MEGABYTE = 1_000_000
Dtype = Literal["bfloat16", "float32", "float16"]
_READING = "How to read the SAE (default: as its files state)"
_LABELS = "Labels"
_RESOURCES = "Resources"


@dataclass(frozen=True)
class SaeReading:
    """How to read a saved SAE if its files are wrong or incomplete; None keeps their settings."""

    format: Annotated[
        str | None,
        Option(
            "--format",
            help="Name of the format, e.g. saelens; needed only if it is not recognised.",
            rich_help_panel=_READING,
        ),
    ] = None
    """A name of `analysis.saes.FORMATS`."""
    transpose: Annotated[
        bool | None,
        Option(
            "--transpose/--no-transpose",
            help="Transpose both weight matrices.",
            rich_help_panel=_READING,
        ),
    ] = None
    centre_input: Annotated[
        bool | None,
        Option(
            "--centre-input/--no-centre-input",
            help="Subtract each token's mean before encoding and add it back after decoding.",
            rich_help_panel=_READING,
        ),
    ] = None
    subtract_b_dec: Annotated[
        bool | None,
        Option(
            "--subtract-b-dec/--no-subtract-b-dec",
            help="Subtract b_dec from the input before encoding.",
            rich_help_panel=_READING,
        ),
    ] = None
    normalise: Annotated[
        str | None,
        Option(
            "--normalise",
            help="Normalisation before encoding: none, constant_norm_rescale or layer_norm.",
            rich_help_panel=_READING,
        ),
    ] = None
    """Normalisation of each token at run time."""
    input_scale: Annotated[
        float | None,
        Option(
            "--input-scale",
            help="Multiply inputs by this factor, e.g. to restore a scale that the file lost.",
            rich_help_panel=_READING,
        ),
    ] = None
    """Outputs are divided by it."""


@dataclass(frozen=True)
class LabelSettings:
    """Where explanations come from, in addition to labels from the latents' own evidence."""

    explanations: Annotated[
        Path | None,
        Option(
            "--explanations",
            help="Explanations from another tool: CSV, Parquet, JSON, JSONL, or a folder of "
            "delphi's or of Neuronpedia's bulk export.",
            rich_help_panel=_LABELS,
        ),
    ] = None
    model: Annotated[
        str | None,
        Option(
            "--label-model",
            help="transformers model that proposes names for clusters: folder, GGUF file, hub id.",
            rich_help_panel=_LABELS,
        ),
    ] = None
    endpoint: Annotated[
        str | None,
        Option(
            "--label-endpoint",
            help="Address of an OpenAI-compatible server that proposes names, instead of "
            "--label-model. Set its key in CLEARWATER_LABEL_KEY.",
            rich_help_panel=_LABELS,
        ),
    ] = None
    endpoint_model: Annotated[
        str | None,
        Option(
            "--label-endpoint-model",
            help="Name of the model on that server.",
            rich_help_panel=_LABELS,
        ),
    ] = None
    latents: Annotated[
        int,
        Option(
            "--label-latents",
            help="Also propose names for this many latents, densest first.",
            min=0,
            rich_help_panel=_LABELS,
        ),
    ] = 0


@dataclass(frozen=True)
class TextInput:
    """A language model and the text that it reads."""

    model: Annotated[
        str | None,
        Option("--model", help="transformers model: a folder, a GGUF file or a hub id."),
    ] = None
    corpus: Annotated[
        Path | None,
        Option(
            "--corpus",
            help="Text or token ids: a .txt, .jsonl, .parquet or .arrow file (also .gz, .zst), a "
            "folder of these, a saved dataset, or org/name of the Hugging Face hub.",
        ),
    ] = None
    split: Annotated[
        str | None,
        Option("--split", help="Split of the corpus. Default: the only one, or train."),
    ] = None
    text_column: Annotated[
        str | None,
        Option(
            "--text-column",
            help="Column of the text or token ids. Default: text, else input_ids or tokens.",
        ),
    ] = None
    hook: Annotated[
        str | None,
        Option(
            "--hook",
            help="Hook point, e.g. blocks.12.hook_resid_post. Default: the one in the SAE's files.",
        ),
    ] = None
    prepend_bos: Annotated[
        bool | None,
        Option(
            "--prepend-bos/--no-prepend-bos",
            help="Start each block of tokens with BOS. Default: as the SAE's files state, else as "
            "the model's tokenizer does.",
            rich_help_panel=_READING,
        ),
    ] = None
    block_tokens: Annotated[
        int | None,
        Option(
            "--block-tokens",
            help="Tokens that the model reads at once. Default: 256, or fewer if the model or the "
            "SAE's training read fewer.",
            min=2,
            rich_help_panel=_READING,
        ),
    ] = None
    device: Annotated[
        str,
        Option(
            "--device",
            help="Where the model runs: auto (a CUDA GPU if there is one), cpu, cuda, cuda:N or "
            "mps. Untested: cuda, mps, and models spread over several GPUs.",
            rich_help_panel=_RESOURCES,
        ),
    ] = "auto"
    batch_tokens: Annotated[
        int | None,
        Option(
            "--batch-tokens",
            help="Tokens of one forward pass, halved while memory is short. Default: 2048, on a "
            "GPU 8192.",
            min=1,
            rich_help_panel=_RESOURCES,
        ),
    ] = None
    dtype: Annotated[
        Dtype | None,
        Option(
            "--dtype",
            help="Number type of the model. Default: bfloat16 (inspect: float32).",
            rich_help_panel=_READING,
        ),
    ] = None


@dataclass(frozen=True)
class Resources:
    """Memory and workers; they never change a result."""

    memory: Annotated[
        int,
        Option(
            "--memory",
            help="Megabytes for counting and sorting, in addition to the model; per worker.",
            min=64,
            rich_help_panel=_RESOURCES,
        ),
    ] = MEMORY_BYTES // _MEGABYTE
    scheduler: Annotated[
        str | None,
        Option(
            "--scheduler",
            help="Dask scheduler whose workers harvest and count, e.g. tcp://host:8786. "
            "Default: this process.",
            rich_help_panel=_RESOURCES,
        ),
    ] = None

    @property
    def memory_bytes(self) -> int:
        """`memory` in bytes."""
        return self.memory * _MEGABYTE


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """The input of `build_bundle`: an SAE with a model and a corpus, or with activations.

    Only `sae`, `out` and one of the two inputs are required. `dataclasses.replace` makes variants.
    """

    sae: str
    """A folder, a weights file, `org/repo:folder@revision`, or a SAELens `release:id`."""
    out: Path
    """The folder of the new bundle; it must not exist."""
    model: str | None = None
    """A transformers model: a folder, a GGUF file or a hub id."""
    corpus: Path | None = None
    """Text or token ids: a file, a folder, or the id of a dataset on the hub."""
    split: str | None = None
    """Split of the corpus; None: the only one, or `train`."""
    text_column: str | None = None
    """Column of the text or token ids; None: `text`, else `input_ids` or `tokens`."""
    activations: Path | None = None
    """Instead of model and corpus: a Parquet file of activations from another program."""
    tokens_file: Path | None = None
    """Every kept token of `activations`; None: `tokens.parquet` next to it, if it exists."""
    hook: str | None = None
    """Hook point, such as `blocks.12.hook_resid_post`; None: the one in the SAE's files."""
    prepend_bos: bool | None = None
    """Start each block with BOS; None: as the SAE was trained, else as the tokenizer does."""
    block_tokens: int | None = None
    """Tokens that the model reads at once; None: those of `parameters`, or fewer if the model has
    fewer positions or the SAE was trained on shorter texts."""
    device: str = "auto"
    """Where the model and the SAE run: auto, cpu, cuda, cuda:N or mps."""
    batch_tokens: int | None = None
    """Tokens of one forward pass; None: as many as suit the device."""
    dtype: Dtype | None = None
    """Number type of the model; None: that of `parameters`."""
    overrides: SaeReading | None = None
    """Overrides change the SAE's content hash, and so which interrupted build can be resumed."""
    labels: LabelSettings = field(default_factory=LabelSettings)
    """Changing these does not restart an interrupted build; only the labels are made again."""
    parameters: Parameters = field(default_factory=Parameters)
    """Seed, active rule, block length and the other settings that the result depends on."""
    memory_bytes: int = Field(default=MEMORY_BYTES, gt=0)
    """For counting and sorting, in addition to the model. It never changes the result."""
    scheduler: str | None = None
    """Address of a Dask scheduler whose workers harvest and count; None: this process."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True)
class RefreshRequest:
    """The input of `refresh_bundle`, which rebuilds a bundle from its stored activations."""

    bundle: Path
    """The bundle to refresh; it is not changed."""
    sae: str
    """The SAE of that bundle, as in `BuildRequest`."""
    out: Path
    """The folder of the new bundle; it must not exist."""
    overrides: SaeReading | None = None
    """The overrides that the bundle was built with."""
    labels: LabelSettings = field(default_factory=LabelSettings)
    """Label sources; those of the bundle itself are not carried over."""
    parameters: Parameters | None = None
    """None: those of the bundle. The settings of the harvest cannot change."""
    memory_bytes: int = Field(default=MEMORY_BYTES, gt=0)
    """For counting and sorting. It never changes the result."""
    scheduler: str | None = None
    """Address of a Dask scheduler whose workers count; None: this process."""


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Turn each parameter of a settings dataclass into one option per field of it.

    Typer reads plain parameters only, so that groups of options would be repeated in each command.
    """
    own = inspect.signature(command).parameters.values()
    groups: dict[str, Any] = {p.name: p.annotation for p in own if is_dataclass(p.annotation)}
    expanded: list[inspect.Parameter] = []
    for parameter in own:
        if (group := groups.get(parameter.name)) is None:
            expanded.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        hints = get_type_hints(group, include_extras=True)
        expanded += [
            inspect.Parameter(
                f"{parameter.name}_{entry.name}",
                inspect.Parameter.KEYWORD_ONLY,
                default=entry.default,
                annotation=hints[entry.name],
            )
            for entry in fields(group)
        ]

    @wraps(command)
    def run(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(
                **{entry.name: values.pop(f"{name}_{entry.name}") for entry in fields(group)}
            )
        command(**values)

    run.__signature__ = inspect.Signature(expanded)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in expanded}
    return run
