"""The demo: a saved SAE, its corpus, its bundle, and the recipes that rebuild each of them."""
