"""What a message costs, here and with what people use today: ``python -m benchmarks --help``."""
