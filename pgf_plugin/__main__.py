"""``python -m pgf_plugin`` is the command ``pgf``."""

import sys

from pgf_plugin.cli import main

sys.exit(main())
