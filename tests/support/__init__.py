"""What the end-to-end tests stand on: real servers, real clients and the real binary, one small module each."""
