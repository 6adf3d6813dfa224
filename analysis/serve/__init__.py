"""Starting the dashboard: one process, or several behind one port.

Streamlit is not imported here: analysis does not depend on it.
"""

from analysis.serve.launch import BUNDLES, serve

__all__ = ["BUNDLES", "serve"]
