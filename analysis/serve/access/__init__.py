"""Who may do what on a server for a team. Nothing here knows Streamlit, requests or databases."""
