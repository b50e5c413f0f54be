"""What only runs inside a container: it has no YARN client, no driver and no home directory."""
