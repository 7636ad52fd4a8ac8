"""The program ``trio-bridge``: accounts, store and agents from one configuration file, or a demonstration of them."""
