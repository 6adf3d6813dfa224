"""The terms from which latents are named, and which documents are held out to score the names.

They have the words of scripts without spaces that latents fire on. A build makes them once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import Activations
from analysis.labels.explanations import unspaced_words
from analysis.labels.split import Split, split_tokens
from analysis.labels.terms import TokenTerms, terms_of_units
from analysis.labels.units import token_units
from analysis.labels.unspaced import words_of_latents
from analysis.runtime.memory import MEMORY_BYTES


@dataclass(frozen=True)
class NamingTerms:
    """The terms of every row of the token table."""

    tokens: pa.Table
    """The bundle's `tokens` table."""
    split: Split
    """Frequencies of the terms are those of its naming documents."""
    lexicon: frozenset[str]
    """Words of scripts without spaces."""
    terms: TokenTerms

    def with_words_of(self, texts: Iterable[str]) -> TokenTerms:
        """The terms if words of these texts are in the lexicon too."""
        words = {word for text in texts for word in unspaced_words(text)}
        if words <= self.lexicon:
            return self.terms
        return terms_of_units(token_units(self.tokens), self.split.naming, self.lexicon | words)


def naming_terms(
    tables: Path, activations: Activations, *, seed: int, memory_bytes: int = MEMORY_BYTES
) -> NamingTerms:
    """The terms of the tokens in a folder of tables; `seed` decides which documents are held out.

    `memory_bytes` bounds blocks of activations.
    """
    tokens = pq.read_table(tables / "tokens.parquet", page_checksum_verification=True)
    split = split_tokens(tokens, seed)
    units = token_units(tokens)
    lexicon = words_of_latents(activations, units, split.naming, memory_bytes=memory_bytes)
    terms = terms_of_units(units, split.naming, lexicon)
    return NamingTerms(tokens, split, frozenset(lexicon), terms)
