"""DingTalk: Stream Mode in, session webhooks and the robot API out."""
