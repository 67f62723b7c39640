"""A module that cannot be imported."""

import os

os.closerange(0, 4096)
