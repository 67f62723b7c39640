"""Runs checks in worker processes."""
