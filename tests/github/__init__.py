"""What post says on GitHub, held against a stand-in that knows GitHub's published API."""
