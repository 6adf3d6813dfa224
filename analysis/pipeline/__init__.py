"""The steps of a build: what each reads, writes and reports."""
