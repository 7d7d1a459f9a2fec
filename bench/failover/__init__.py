"""How long a house is without new connections after a fault: Failberry and its peers, in the same city."""

import sys
from pathlib import Path

# The city that the tests use, too.
sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "netns"))
