"""Starting the dashboard: one process, or several behind one port.

Streamlit is not imported here: analysis does not depend on it.
"""

from analysis.serve.launch import BUNDLES, bundle_folders, serve
from analysis.serve.supervisor import PREPARE

__all__ = ["BUNDLES", "PREPARE", "bundle_folders", "serve"]
