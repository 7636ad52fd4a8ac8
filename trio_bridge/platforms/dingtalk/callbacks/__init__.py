"""What is no message: buttons of cards, events of the organisation, calls of DingTalk."""
