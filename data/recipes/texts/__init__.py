"""The texts of the demo corpus: packages fetched, opened and read into documents."""
