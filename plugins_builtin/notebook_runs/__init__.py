"""Notebooks run as jobs: from top to bottom, the result kept beside the file."""
