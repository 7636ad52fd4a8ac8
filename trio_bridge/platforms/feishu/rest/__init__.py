"""Feishu's REST API, for one app: its token, its limits, and what its answers mean."""
