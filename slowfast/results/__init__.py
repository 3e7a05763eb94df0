"""What a test leaves behind: files, the table at its end, and reading results again."""
