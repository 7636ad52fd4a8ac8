"""What Feishu tells: envelopes, messages, presses on cards, and everything else by its name."""
