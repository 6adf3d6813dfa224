"""Make a bundle's stored activations from a model and a corpus, or from an activations file."""
