"""Questions of others that were taken and are answered later."""
