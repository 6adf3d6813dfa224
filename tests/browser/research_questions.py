"""Questions that a researcher asks of an SAE, and topics to reach on the map.

They were written before anybody looked up how the dashboard answers them. Each question is asked
from the Overview, and costs at most five clicks or one search.
"""

from dataclasses import dataclass

MOST_CLICKS = 5
MOST_SEARCHES = 1
MOST_GESTURES = 3
"""On the map: a search with Enter, a click on a name, on the legend or on a point, a wheel turn."""


@dataclass(frozen=True)
class Question:
    """A question, and what must be read on the screen or in a downloaded file as its answer."""

    text: str
    answer: str


PYTHON_DEFINITIONS = Question(
    "Which latent fires on Python function definitions, and on which other tokens does it fire?",
    "A latent most of whose activation is on `def`, and its strongest tokens with their shares.",
)
GERMAN_ARTICLES = Question(
    "Is there a latent for German articles, and how much of its activity is in German texts?",
    "A latent whose strongest tokens are articles, and the share of German among its activity.",
)
TOGETHER_IN_DOCUMENTS = Question(
    "Do it and its strongest partner fire together more often than by chance within documents?",
    "Tokens on which both fire, the number expected if shifted within documents, and a p-value.",
)
CLUSTERS_BEYOND_CHANCE = Question(
    "Which clusters hold up against chance, and what is the largest of them about?",
    "The number of clusters that beat their null, and the name of the largest one.",
)
DECODER_NEIGHBOURS = Question(
    "What are the nearest decoder neighbours of the latent on `def`, and do they fire with it?",
    "The neighbours in the order of cosine, each with its cosine and a measure of co-firing.",
)
TWO_LANGUAGES = Question(
    "Which latents tell French documents from German ones?",
    "Latents in the order of an AUC, which is measured on documents that did not choose them.",
)
PLACES_IN_A_DOCUMENT = Question(
    "Where in the document of its strongest context does the latent on `def` fire?",
    "The text of the document around the context, with every token marked on which it fires.",
)
DUPLICATES = Question(
    "Is there a pair of duplicate latents?",
    "A pair that is called a duplicate, with the share of tokens on which both fire.",
)
DEAD_AND_DENSE = Question(
    "How many latents of this SAE are dead, and how many are dense?",
    "Two numbers, and the number of tokens on which they rest.",
)
PAPER_FIGURE = Question(
    "Export the densities of the latents as a figure for the paper, with the numbers behind it.",
    "An image and a table as files; the table has the rows that the figure draws.",
)


@dataclass(frozen=True)
class Topic:
    """A topic, what a new user types for it, and tokens or words of labels that belong to it."""

    name: str
    typed: str
    words: frozenset[str]


TOPICS = (
    Topic("Python code", "Python", frozenset({"python", "def", "self", "import", "return"})),
    Topic("French", "French", frozenset({"french", "le", "la", "les", "des", "une", "et"})),
    Topic("Numbers and dates", "years", frozenset({"year", "years", "century", "date", "19"})),
    Topic("Legal text", "law", frozenset({"law", "legal", "license", "licence", "copyright"})),
    Topic("Quotation marks", "quotation", frozenset({"quotation", "quote", '"', "“", "”", "«"})),
)
MOST_MISSES = 1
"""Of the topics: four of five must be reached."""
