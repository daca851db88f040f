"""HTTP: turns requests into calls of services, and what they return or raise into pages and JSON."""
