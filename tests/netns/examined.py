"""The doctor in whatever namespace this runs in, as JSON.

    examined.py CONFIGURATION DIRECTORY

DIRECTORY is the daemon's, as in ``appliance.py``.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

from failberry.adapters.inspection import Places
from failberry.ctl import doctor


def main() -> int:
    directory = Path(sys.argv[2])
    resolvers = directory / "names" / "resolv.conf"
    places = Places(config=Path(sys.argv[1]), state=directory, resolvers=resolvers)
    asked = SimpleNamespace(socket=str(directory / "control"), config=sys.argv[1], json=True, no_aws=False)
    return doctor.run(asked, places)


if __name__ == "__main__":
    sys.exit(main())
