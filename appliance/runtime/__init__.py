"""From a wish in the database to a running container, and back."""
