"""Answers that grow in cards while they are written."""
