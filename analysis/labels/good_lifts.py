"""The lifts from which a member fits its cluster.

They are apart from `cluster_scores.py` because pages need them without the libraries that score.
"""

GOOD_LIFT = 5.0
"""Lift from which a member fits its cluster."""
GOOD_OTHER_LIFT = 2.0
"""The same for the lift on other words than the member's own."""
