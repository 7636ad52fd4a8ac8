"""The keys of a Feishu account, by what they are about. :class:`~..config.Feishu` is all of them together."""
