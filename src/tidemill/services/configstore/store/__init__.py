"""What the configstore keeps: tables, and one module of questions per noun."""
