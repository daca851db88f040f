"""Persistent storage: one directory per team, at /storage in every notebook and job."""
