"""Files: written whole or not at all, read without running code; lines of json_stats."""
