"""A differential fuzzer: plays random sessions on an implementation and on the reference and compares them."""
