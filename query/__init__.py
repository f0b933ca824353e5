"""The query language: text -> syntax -> bound query -> plan -> Cypher, or an engine's own run."""
