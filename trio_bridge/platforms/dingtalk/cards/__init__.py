"""AI cards: answers that grow while they are written."""
