"""The golden vectors: cases as documented functions, compiled to vectors/v1."""
