"""Feishu and Lark: the long connection and the webhook, one pipeline behind both."""
