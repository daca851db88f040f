"""The search box: what every plugin finds, on a page and while typing."""
