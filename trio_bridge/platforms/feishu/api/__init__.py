"""What an account can have Feishu do beside messages and answers: ``account.api``."""
