"""Secrets of teams, projects and the whole appliance: `secret:NAME` in place of a value."""
