"""A module that cannot be imported."""

import os

os.fork = lambda: 0
