"""Signing in by user name and password."""
