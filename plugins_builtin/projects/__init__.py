"""Projects: what holds notebooks, workflows, deployments, models and data."""
