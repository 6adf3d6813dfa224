"""Migrations of the notes database, from its first version on; `database.py` runs them."""
