"""One latent at a time: statistics, contexts and logit effects."""
