"""From a model and a corpus, or a file of activations, to the stored activations of a bundle."""
