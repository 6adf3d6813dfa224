"""Twenty classes of the package `sae-probes` 0.4.2, chosen by their texts alone.

They were committed before any latent of the wide SAE was looked at: code, news, medicine, people
and messages, each with about as many texts inside the class as outside. Sets of hate, of politics
by person, of single words and of arithmetic were left out.
"""

from typing import NamedTuple


class ProbeClass(NamedTuple):
    """A set of texts of which some are in a class."""

    file: str
    """Name of the file in `sae_probes/data/cleaned_data`, without `.csv.zst`."""
    meaning: str
    inside: str = "1"
    """The value of the column `target` for the texts of the class."""


CLASSES = (
    ProbeClass("159_code_Python", "Python code"),
    ProbeClass("158_code_C", "C code"),
    ProbeClass("160_code_HTML", "HTML"),
    ProbeClass("161_agnews_0", "world news"),
    ProbeClass("162_agnews_1", "sports news"),
    ProbeClass("163_agnews_2", "business news"),
    ProbeClass("139_news_class_Politics", "news of politics"),
    ProbeClass("140_news_class_Technology", "news of technology"),
    ProbeClass("141_news_class_Entertainment", "news of entertainment"),
    ProbeClass("142_cancer_cat_Thyroid_Cancer", "articles on thyroid cancer"),
    ProbeClass("143_cancer_cat_Lung_Cancer", "articles on lung cancer"),
    ProbeClass("145_disease_class_digestive system diseases", "digestive diseases"),
    ProbeClass("146_disease_class_cardiovascular diseases", "cardiovascular diseases"),
    ProbeClass("147_disease_class_nervous system diseases", "nervous diseases"),
    ProbeClass("60_wikidata_occupation_isathlete", "texts on athletes"),
    ProbeClass("62_wikidata_occupation_ispolitician", "texts on politicians"),
    ProbeClass("63_wikidata_occupation_issinger", "texts on singers"),
    ProbeClass("152_it_tick_Hardware", "tickets on hardware"),
    ProbeClass("96_spam_is", "spam messages"),
    ProbeClass("23_headline_ischina", "headlines on China", "True"),
)
