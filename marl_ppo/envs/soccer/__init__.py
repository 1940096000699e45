"""Soccer: two teams of discs, a ball, a walled pitch with two goals. README.md has the rules."""
