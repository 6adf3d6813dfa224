"""The science of Clearwater: a saved SAE, a model and a corpus become a bundle."""
