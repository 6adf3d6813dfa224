"""The science of Clearwater: a saved SAE, a model and a corpus become a bundle."""

import os

# numba would bring a second OpenMP runtime into the process beside torch's, and the two pools of
# spinning threads make a forward pass eight times as slow.
os.environ.setdefault("NUMBA_THREADING_LAYER", "workqueue")
