"""What brings records in: capture, git, and adapters to other systems' files."""
