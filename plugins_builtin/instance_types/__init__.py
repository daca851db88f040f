"""Sizes of workloads, and who has what of the machine."""
