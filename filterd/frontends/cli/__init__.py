"""frontends.cli - what an admin types."""
