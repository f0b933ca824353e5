"""How values read to a person: `provgraph.model.text`, under the name that commands know it by."""

from provgraph.model.text import count, digest, duration, moment, plain, size, stamp, value

__all__ = ["count", "digest", "duration", "moment", "plain", "size", "stamp", "value"]
