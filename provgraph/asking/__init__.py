"""A question as an object, and its answer: what the language is from Python."""
