"""Pure functions from rows of a bundle to figures: a chart, its rows and its caption."""

# Before any chart: Altair looks at each value with pandas as soon as `sys.modules` has it, and
# fails if another thread is still importing it.
import pandas  # noqa: F401
