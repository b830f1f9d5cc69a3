"""What people type, checked for shape; what it means is the services' to say."""
