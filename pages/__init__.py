"""The pages of the dashboard. Each reads the selection and shows figures of a bundle."""
