"""One recipe per part of the demo: `python -m data.recipes.NAME` rebuilds it."""
