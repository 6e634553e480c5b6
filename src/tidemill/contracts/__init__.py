"""What may be asked of each service, declared once."""
