"""Loads the specification and the vectors."""
