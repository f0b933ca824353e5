"""provgraph: which run, script and data made this file, and what would be touched if it went."""

__version__ = "0.1.0"
