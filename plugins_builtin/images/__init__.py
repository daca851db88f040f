"""The image catalogue."""
