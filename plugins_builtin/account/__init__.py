"""What somebody is to the appliance: signing in by programs, the session, the profile."""
