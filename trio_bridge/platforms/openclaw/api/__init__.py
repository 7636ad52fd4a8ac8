"""What an application can have a gateway do: ``account.api``."""
