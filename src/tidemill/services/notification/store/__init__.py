"""What the notification service keeps: its place in the event feed, and the outbox with its deliveries."""
