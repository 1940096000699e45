"""Pages for a browser: a match as one file, a league as a few; they ask nothing of any server."""
