"""A module that cannot be imported."""

import time

time.sleep(1_000_000)
