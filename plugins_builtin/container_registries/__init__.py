"""Registries of container images, with the credentials to pull from them."""
