"""What an account can have DingTalk do beside messages and answers: ``account.api``."""
