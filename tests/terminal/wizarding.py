"""The wizard, on a machine made of a folder:  wizarding.py FOLDER SOCKET CONFIGURATION"""

import sys
from pathlib import Path
from types import SimpleNamespace

from failberry.ctl import wizard

folder, socket, config = sys.argv[1:4]
wizard.TICK = 0.05
asked = SimpleNamespace(socket=socket, config=config, no_start="--no-start" in sys.argv)
sys.exit(wizard.run(asked, wizard.Places(root=Path(folder), start=("true",), patience=2.0)))
