"""``python -m trio_bridge`` is ``trio-bridge``."""

from .runner.cli import main

main()
