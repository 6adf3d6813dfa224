"""Pure functions from rows of a bundle to figures: a chart, its rows and its caption."""
