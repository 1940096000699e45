"""Matrix games: both players choose at the same time, a table says what they get."""
