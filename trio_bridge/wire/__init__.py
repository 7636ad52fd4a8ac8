"""Pure protocol pieces: no trio, no sockets, no clock, no randomness, no logging."""
