"""Policy: which queued run starts next."""
