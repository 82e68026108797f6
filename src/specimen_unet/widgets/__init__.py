"""What people see: the docks."""
