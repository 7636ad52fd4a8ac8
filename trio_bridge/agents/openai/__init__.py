"""The agent that asks a language model: whatever speaks as OpenAI does."""
