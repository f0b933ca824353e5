"""The provenance model: what is recorded, how it is named, and what it means."""
