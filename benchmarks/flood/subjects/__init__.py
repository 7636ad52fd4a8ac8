"""The programs that are measured. Those of SDKs may run where nothing but the SDK is installed."""
