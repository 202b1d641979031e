"""What other tools leave on disk, read for a suite: documents and their stores."""
