"""The activations of a text that a reader types, by the model and the SAE of a bundle.

They are computed by a process of its own (`encoder_process.py`), because torch is not imported in
the process that serves the pages.
"""
