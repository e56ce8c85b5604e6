"""`python -m deploy.demo`: play the scenes and print what became of each message."""

from __future__ import annotations

import sys

from deploy.demo.stage import main

if __name__ == "__main__":
    sys.exit(main())
