"""Names for latents and clusters, with the evidence that a reader can check and a held-out score.

- `split`: which documents name, and which are held out to score the names;
- `evidence`: the terms on which each latent fires more than others do;
- `naming`: labels out of this evidence, and what the members of a cluster share;
- `explanations`: what other programs say of the latents;
- `proposers` and `prompts`: a language model that proposes names, local or behind an address;
- `scoring`: precision and recall of any of these as a predictor on the held-out documents;
- `columns`: all of it together, as columns of the latent and the cluster tables.
"""
