"""Notebooks: files and an environment, launched on an instance."""
