"""``python -m selbox`` is the ``selbox`` program."""

import sys

from selbox.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
