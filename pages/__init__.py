"""The pages of the dashboard: each reads the selection, asks the bundle and shows figures."""
