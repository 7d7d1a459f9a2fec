"""A whole house on one machine: a Debian guest, its networks as namespaces, a modem on a real USB bus."""
