"""What the runservice keeps: tables, and one module of questions per noun."""
