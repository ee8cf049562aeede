"""What `check` prints of a network: a file a format."""
