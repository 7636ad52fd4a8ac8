"""The keys of a DingTalk account, by what they are about. :class:`~..config.DingTalk` is all of them together."""
