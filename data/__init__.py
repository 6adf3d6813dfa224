"""The demo: a saved SAE, its corpus, its ready bundle, and the recipes that rebuild each."""
