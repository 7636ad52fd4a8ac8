"""One room for each platform. They don't know each other; what they share lies in the engine and below."""
