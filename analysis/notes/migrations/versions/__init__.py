"""One module for each version of the notes database, in the order of their numbers."""
