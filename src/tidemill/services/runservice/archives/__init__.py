"""Files that tasks keep: for the tasks behind them, and for later runs."""
