"""What a test has in its hand to run `provgraph` with."""

import subprocess
from collections.abc import Callable

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
