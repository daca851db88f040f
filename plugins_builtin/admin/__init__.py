"""What an admin of the appliance looks after: plugins, settings, health."""
