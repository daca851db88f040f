"""The concepts that come with the appliance, one folder each, made of the same hooks as anybody's plugin."""
