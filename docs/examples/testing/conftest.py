pytest_plugins = ["trio_bridge.testing.fixtures"]
