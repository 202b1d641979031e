"""What a gate found, told on GitHub: the only room that knows PyGithub."""
