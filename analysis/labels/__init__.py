"""Labels of latents and clusters, with their evidence and a held-out score.

- `split`: the documents from which labels are made, and those held out to score them;
- `units`, `unspaced` and `terms`: whole characters, words of scripts without spaces, and words,
  pieces and phrases, as a reader understands them;
- `surfaces` and `label_tokens`: how words are joined and shown, and whether a token of a passage is
  one that a label is about;
- `naming_terms`: the terms of a whole corpus, which a build makes once;
- `evidence`: the terms on which each latent fires more than others do;
- `naming`: labels from this evidence, and what the members of a cluster share;
- `descriptions`, `word_forms` and `term_activity`: terms in words, which are forms of one another,
  and how the activation of a cluster is spread over them;
- `cluster_names` and `name_text`: the names of clusters;
- `material` and `evidence_labels`: the input of labelling, and these labels for a whole bundle;
- `requested`: the sources of explanations that a user gives;
- `explanations`: explanations from another tool;
- `proposers`, `endpoint` and `prompts`: a language model that proposes names, local or on a server;
- `scoring` and `outside_label`: precision and recall of a label or explanation on the held-out
  documents, and the activation outside of it;
- `member_lifts` and `cluster_scores`: how well the other members of a cluster predict a member;
- `cluster_evidence` and `main_source`: what the name of a cluster is based on;
- `columns`: all of this as columns of the latent and the cluster table.
"""

SEPARATOR = " · "
"""Between the terms of a label or a name."""
