"""Labels of latents and clusters, with their evidence and a held-out score.

- `split`: the documents from which labels are made, and those held out to score them;
- `terms`: words and pieces of words, as a reader understands them;
- `evidence`: the terms on which each latent fires more than others do;
- `naming`: labels from this evidence, and what the members of a cluster share;
- `material` and `evidence_labels`: the input of labelling, and these labels for a whole bundle;
- `requested`: the sources of explanations that a user gives;
- `explanations`: explanations from another tool;
- `proposers`, `endpoint` and `prompts`: a language model that proposes names, local or on a server;
- `scoring`: precision and recall of a label or explanation on the held-out documents;
- `columns`: all of this as columns of the latent and the cluster table.
"""
