"""Implementations in other languages, driven over JSON lines."""
