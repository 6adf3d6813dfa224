"""Notes of readers on latents, pairs, clusters and collections, kept in a database.

Notes are no part of a bundle. They belong to the decoder matrix of the SAE (latents, pairs,
collections) or to a set of members (clusters), so that they survive a rebuild.
"""
