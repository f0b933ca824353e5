"""The language's globs are the model's."""

from provgraph.model.glob import compiled, expression, is_glob, literal_prefix

__all__ = ["compiled", "expression", "is_glob", "literal_prefix"]
