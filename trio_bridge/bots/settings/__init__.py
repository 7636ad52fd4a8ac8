"""The keys that accounts of bots have in common, by what they are about."""
