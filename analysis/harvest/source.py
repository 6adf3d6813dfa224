"""The source of a build's activations: a model and a corpus, or a file of another program.

Both write the same shards and have the same methods, so the rest of the pipeline does not depend on
which one it is.
"""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import pyarrow.parquet as pq
import torch

from analysis.bundle import CorpusSource, MaskSummary, ModelSource, Parameters
from analysis.harvest.conventions import chosen_block_tokens, chosen_bos
from analysis.harvest.corpus import (
    WHOLE,
    CorpusChoice,
    Document,
    corpus_files,
    corpus_hash,
    read_corpus,
)
from analysis.harvest.devices import device_named
from analysis.harvest.final_norm import unembedding
from analysis.harvest.forward import check_positions, hook_in
from analysis.harvest.hooks import ANY_MODULE, HookPoint, parse_hook_point
from analysis.harvest.imported import check_files, find_tokens_file, import_activations
